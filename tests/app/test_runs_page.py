"""The Runs page: what is shown, what each action does, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.canned import build
from app.item_models.runs import SUMMARY, Column, RunsModel
from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from app.pages.runs.export_forms import ExportForms
from app.pages.runs.page import RunsPage
from app.pages.runs.trash import Trash
from engine.events import RunState
from engine.launch.recipe import Recipe
from engine.store.workspace import Workspace

Counting = Callable[..., Recipe]


@pytest.fixture
def canned(workspace: Workspace, settings: Settings) -> Iterator[Desk]:
    build(workspace.root, "done")
    desk = make_desk(settings, workspace)
    desk.open()
    yield desk
    desk.close()


@pytest.fixture
def page(canned: Desk, qtbot: QtBot) -> RunsPage:
    page = RunsPage(canned)
    qtbot.addWidget(page)
    page.resize(1280, 720)
    page.show()
    page.activateWindow()
    assert QTest.qWaitForWindowActive(page)
    page.shown()
    qtbot.waitUntil(lambda: page.table.shown_count() == 8)
    return page


def names(page: RunsPage) -> list[str]:
    model = page.table.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def choose(page: RunsPage, name: str) -> Path:
    folder = next(run.folder for run in page.desk.runs.summaries if run.name == name)
    page.table.choose([folder])
    return folder


def test_all_runs_newest_first_and_the_first_is_chosen(page: RunsPage) -> None:
    assert names(page)[0] == "first-words" and names(page)[-1] == "tiny-gqa"
    assert [run.name for run in page.table.chosen_runs()] == ["first-words"]
    assert page.header_left()[0].text().startswith("8 runs, ")


def test_sorting_and_filtering(page: RunsPage) -> None:
    page.table.sortByColumn(Column.RESULT, Qt.SortOrder.AscendingOrder)
    model = page.table.model()
    results = [model.index(row, Column.RESULT).data() for row in range(model.rowCount())]
    assert results[-1] == "NaN" and results[:-1] == sorted(results[:-1], key=float)
    page._filter.setText("shake")
    assert sorted(names(page)) == ["shakespeare", "shakespeare-4k"]
    assert page.header_left()[0].text().startswith("2 of 8")


def test_enter_opens_the_run(page: RunsPage, qtbot: QtBot) -> None:
    folder = choose(page, "shakespeare")
    with qtbot.waitSignal(page.desk.bus.navigate) as told:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert told.args == ["train", folder]


def test_deleting_comes_back_with_undo(page: RunsPage, qtbot: QtBot) -> None:
    folder = choose(page, "notes")
    with qtbot.waitSignal(page.desk.bus.undo) as told:
        QTest.keyClick(page.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: "notes" not in names(page))
    assert not folder.exists() and told.args[0] == "notes was deleted."
    told.args[1]()
    qtbot.waitUntil(lambda: "notes" in names(page))
    assert folder.exists()


def test_many_are_deleted_and_undone_together(page: RunsPage, qtbot: QtBot) -> None:
    page.table.selectAll()
    page.delete()
    qtbot.waitUntil(lambda: names(page) == [])
    assert page._stack.currentWidget() is page._empty
    page.trash.take_back()
    qtbot.waitUntil(lambda: len(names(page)) == 8)


def test_deleted_runs_come_back_for_as_long_as_they_lie_in_the_trash(page: RunsPage, qtbot: QtBot) -> None:
    for name in ("notes", "shakespeare"):
        choose(page, name)
        page.delete()
        qtbot.waitUntil(lambda name=name: name not in names(page))
    assert page._restore.text() == "Restore 2" and not page._restore.isHidden()
    page._take_back.trigger()
    qtbot.waitUntil(lambda: "shakespeare" in names(page))
    assert "notes" not in names(page)
    page.trash = Trash(page.desk)  # as after the window was closed
    page.trash.take_back()
    qtbot.waitUntil(lambda: "notes" in names(page))
    qtbot.waitUntil(page._restore.isHidden)
    assert not page._restore_all.isEnabled()
    page.table.selectAll()
    page.delete()
    qtbot.waitUntil(lambda: names(page) == [])
    page._restore.click()
    qtbot.waitUntil(lambda: len(names(page)) == 8)


def test_copying_gives_a_table_with_tabs(page: RunsPage) -> None:
    choose(page, "docs-12m")
    page.copy()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "Name\tBegan\tResult\tSize\tState"
    assert lines[1].startswith("docs-12m\t") and "Stopped at step 1,842" in lines[1]


def test_what_cannot_be_done_is_not_offered(page: RunsPage) -> None:
    choose(page, "shakespeare")
    assert page._open.isEnabled() and not page._resume.isEnabled()
    choose(page, "docs-12m")
    assert page._resume.isEnabled()


def test_the_small_button_in_a_row_resumes_that_run(page: RunsPage, qtbot: QtBot) -> None:
    model = page.table.model()
    row = names(page).index("tiny-gqa")
    cell = page.table.visualRect(model.index(row, Column.ENDED))
    with qtbot.waitSignal(page.table.resumed) as told:
        page.table.resumed.disconnect(page.resume)
        QTest.mouseClick(
            page.table.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QPoint(cell.right() - 30, cell.center().y()),
        )
    assert told.args[0].name == "tiny-gqa"


def test_the_detail_goes_where_there_is_no_room(page: RunsPage) -> None:
    assert page.detail.isVisible()
    page.resize(800, 600)
    assert not page.detail.isVisible()


def test_a_navigation_chooses_the_run(page: RunsPage) -> None:
    folder = next(run.folder for run in page.desk.runs.summaries if run.name == "docs-12m")
    page.open(folder)
    assert [run.name for run in page.table.chosen_runs()] == ["docs-12m"]


def test_an_empty_workspace_says_what_to_do(desk: Desk, qtbot: QtBot) -> None:
    page = RunsPage(desk)
    qtbot.addWidget(page)
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page._empty)
    with qtbot.waitSignal(desk.bus.navigate) as told:
        page._empty.button.click()
    assert told.args[0] == "home"


def test_a_run_at_work_is_shown_and_cannot_be_deleted(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    page = RunsPage(desk)
    qtbot.addWidget(page)
    page.shown()
    desk.jobs.start(counting(steps=2000, seconds_a_step=0.003))
    qtbot.waitUntil(lambda: [run.state for run in desk.runs.summaries] == [RunState.RUNNING])
    assert page._talk.isEnabled()  # its model answers while it learns, checkpoint or not
    with qtbot.waitSignal(desk.bus.notice) as told:
        page.delete()
    assert "stop it first" in told.args[1] and len(names(page)) == 1
    desk.jobs.stop()
    qtbot.waitUntil(lambda: [run.state for run in desk.runs.summaries] == [RunState.STOPPED])
    page.resume()
    qtbot.waitUntil(lambda: [run.state for run in desk.runs.summaries] == [RunState.RUNNING])
    page.hidden()
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None)


def test_a_choice_survives_a_new_look_at_the_disk(page: RunsPage, qtbot: QtBot) -> None:
    choose(page, "notes")
    page.desk.runs.refresh()
    page._show_runs()
    assert [run.name for run in page.table.chosen_runs()] == ["notes"]


def test_the_model_is_one_that_qt_accepts(page: RunsPage, qtmodeltester: object) -> None:
    model = RunsModel()
    model.show(page.desk.runs.summaries)
    qtmodeltester.check(model)  # type: ignore[attr-defined]
    assert model.index(0, 0).data(SUMMARY).name == "first-words"


def test_a_fine_tuning_is_told_and_missed_with_its_base(workspace: Workspace, settings: Settings, qtbot: QtBot) -> None:
    folder = build(workspace.root, "done", "first-assistant").folder
    assert folder is not None
    plan = folder / "2-sft" / "plan.json"
    base = next(path for path in workspace.run_folders() if path.name.startswith("first-words-2"))
    told = json.loads(plan.read_text())
    stands = (base / "4-pretrain" / "checkpoints" / "step-000600").relative_to(workspace.root).as_posix()
    label = f"{base.name}, step 600 of a name that is far too long for one line"
    lora = {"method": "lora", "lora": {"rank": 8}, "base": label, "base_folder": stands}
    plan.write_text(json.dumps({**told, **lora}))
    desk = make_desk(settings, workspace)
    desk.open()
    page = RunsPage(desk)
    qtbot.addWidget(page)
    page.shown()
    qtbot.waitUntil(lambda: page.table.shown_count() == 8)
    model = page.table.model()
    row = names(page).index("first-assistant")
    assert model.index(row, Column.RESULT).data() == "98%"
    assert "LoRA, rank 8" in model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole)
    page.table.choose([folder])
    page.detail.show()
    content = page.detail._scroll.widget()
    assert content.minimumSizeHint().width() <= page.detail._scroll.viewport().width()  # nothing is cut off
    assert base.name not in " ".join(label.text() for label in content.findChildren(QLabel))
    heard: list[str] = []
    desk.bus.undo.connect(lambda words, _: heard.append(words))
    page.trash.delete([next(run for run in desk.runs.summaries if run.folder == base)])
    assert heard == ["first-words was deleted. The adapter of first-assistant cannot be used without it."]
    page.trash.take_back()
    assert base.is_dir()
    forms = ExportForms(1000, adapter=True)
    qtbot.addWidget(forms)
    assert forms.adapter is not None
    forms.adapter.setChecked(True)
    assert forms.kind == "adapter" and ExportForms(1000).adapter is None
    desk.close()
