"""The Export dialog: what it suggests, that it writes, what it says when it cannot, and that Cancel leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.pages.runs.export_dialog import ExportDialog
from app.pages.runs.page import RunsPage
from engine.control import Control
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json

STAGES = {
    "world": {"people": 20, "documents": 60},
    "train_tokenizer": {"kind": "byte"},
    "tokenize": {},
    "pretrain": {
        "depth": 1,
        "d_model": 32,
        "n_head": 2,
        "context_length": 16,
        "batch_tokens": 64,
        "steps": 2,
        "sample_tokens": 2,
    },
}


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> RunsPage:
    """In a workspace with one real, tiny run."""
    run = RecipeRun.create(desk.workspace, recipe_from_json({"name": "tiny", "description": "", "stages": STAGES}))
    for _ in run.work(Control(), device="cpu", threads=1):
        pass
    page = RunsPage(desk)
    qtbot.addWidget(page)
    page.show()
    page.shown()
    desk.runs.refresh()
    qtbot.waitUntil(lambda: page.table.shown_count() == 1 and page._export.isEnabled())
    return page


@pytest.fixture
def dialog(page: RunsPage, qtbot: QtBot) -> ExportDialog:
    dialog = ExportDialog(page.desk, page.desk.runs.summaries[0])
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_the_button_opens_the_dialog_for_the_chosen_run(page: RunsPage, qtbot: QtBot) -> None:
    QTest.mouseClick(page._export, Qt.MouseButton.LeftButton)
    (dialog,) = page.window().findChildren(ExportDialog)
    assert dialog.isVisible() and dialog.accessibleName() == "Export tiny"
    dialog.reject()
    qtbot.waitUntil(lambda: page.window().findChildren(ExportDialog) == [])


@pytest.mark.parametrize(
    ("choose", "file"),
    [("bundle", "SHA256SUMS"), ("gguf", "Modelfile"), ("huggingface", "tokenizer_config.json")],
)
def test_it_writes_where_it_suggests(dialog: ExportDialog, choose: str, file: str, qtbot: QtBot) -> None:
    getattr(dialog.forms, choose).click()
    folder = Path(dialog.where.text())
    assert folder.parent == dialog._desk.workspace.root / "exports" and folder.name.endswith(dialog.forms.kind)
    dialog.export_button.click()
    assert not dialog.forms.isEnabled() and dialog.bar.isVisible()
    qtbot.waitUntil(lambda: dialog.done_with is not None and dialog.show_button.isVisible(), timeout=60_000)
    assert (folder / file).is_file()
    assert dialog.words.text().startswith("Written: ") and dialog.cancel_button.text() == "Close"


def test_choosing_how_exact_chooses_a_gguf_file(dialog: ExportDialog) -> None:
    dialog.forms.numbers.choose("q8_0")
    assert dialog.forms.kind == "q8_0" and dialog.where.text().endswith("-q8_0")


def test_a_folder_that_a_person_wrote_stays(dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.where.setText(str(tmp_path / "mine"))
    dialog.forms.huggingface.click()
    assert dialog.where.text() == str(tmp_path / "mine")
    dialog.where.setText(" ")
    assert not dialog.export_button.isEnabled()


def test_a_place_that_is_taken_is_told_and_another_can_be_given(
    dialog: ExportDialog, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    dialog.where.setText(str(tmp_path))
    dialog.begin()
    qtbot.waitUntil(lambda: "never writes over anything" in dialog.words.text())
    assert dialog.forms.isEnabled() and dialog.export_button.isEnabled() and not dialog.bar.isVisible()
    dialog.where.setText(str(tmp_path / "free"))
    dialog.begin()
    qtbot.waitUntil(lambda: dialog.done_with is not None, timeout=60_000)


def test_cancel_ends_the_work_and_leaves_nothing(dialog: ExportDialog, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "out").mkdir()
    dialog.where.setText(str(tmp_path / "out" / "model"))
    dialog.begin()
    dialog.reject()
    answered: list[object] = []
    dialog._desk.engine.ask(lambda side: iter(["after it"]), answered.append)
    qtbot.waitUntil(lambda: answered == ["after it"])
    assert list((tmp_path / "out").iterdir()) == [] and not dialog.isVisible()
