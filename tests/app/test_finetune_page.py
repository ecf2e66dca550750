"""The Fine-tune page over a real desk: a run that was told, one that goes on, and a new one before Start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import canned
from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from app.pages.finetune.bases import chosen_checkpoint
from app.pages.finetune.compare_view import CHANGED, WRONG
from app.pages.finetune.data_source import OWN
from app.pages.finetune.header import COMPARE, DATA, RUN, TuningHeader
from app.pages.finetune.page import FinetunePage
from app.widgets.header import Header
from app.widgets.inspection import Inspection
from engine.events import LabelsJudged, RunState, StateChanged, StepMetrics
from engine.store.files import write_json
from engine.store.run_folder import RunFolder


@pytest.fixture
def told(tmp_path: Path, request: pytest.FixtureRequest) -> canned.Canned:
    return canned.build(tmp_path / "workspace", getattr(request, "param", "done"), "first-assistant")


@pytest.fixture
def desk(settings: Settings, told: canned.Canned) -> Iterator[Desk]:
    desk = make_desk(settings, told.workspace)
    desk.open()
    yield desk
    desk.close()


@pytest.fixture
def page(qtbot: QtBot, desk: Desk, told: canned.Canned) -> FinetunePage:
    page = FinetunePage(desk)
    qtbot.addWidget(page)
    page.resize(1010, 770)
    page.show()
    page.shown()
    if told.folder is not None:
        desk.feed.follow(told.folder)
        qtbot.waitUntil(lambda: len(page.run.checks) >= 6 and page.run.plan is not None, timeout=5000)
    qtbot.waitUntil(lambda: bool(page.bases), timeout=5000)
    return page


def shown(page: FinetunePage) -> list[str]:
    return [button.text() for button in page.header.right() if hasattr(button, "text") and not button.isHidden()]


def test_a_finished_run_shows_its_best_model(page: FinetunePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.run.state is RunState.DONE and bool(page.run.final), timeout=10_000)
    page.show_step(RUN)
    qtbot.waitUntil(lambda: page.steps.run_view.readouts.exact.value() == "98%", timeout=3000)
    assert page.run.best is not None and page.run.best.step == 676
    assert page.steps.run_view.answers.shown
    assert [mark.text for mark in page.run.marks] == ["best: step 676"]
    assert shown(page) == []


def test_the_slider_shows_answers_become_answers(page: FinetunePage, qtbot: QtBot) -> None:
    page.show_step(COMPARE)
    view = page.steps.compare
    qtbot.waitUntil(lambda: len(view.answers.shown) == 8, timeout=3000)
    view.looks.slider.set_number(0)
    assert view.looks.chosen == 0
    assert {row.tag.text() for row in view.answers.shown} == {"did not stop"}
    qtbot.keyClick(view.looks.slider, Qt.Key.Key_End)
    assert {row.tag.text() for row in view.answers.shown} == {"right", "wrong"}


def test_filters_leave_only_what_is_asked_for(page: FinetunePage, qtbot: QtBot) -> None:
    page.show_step(COMPARE)
    view = page.steps.compare
    qtbot.waitUntil(lambda: len(view.answers.shown) == 8, timeout=3000)
    view.filter._group.button(WRONG).click()
    assert all(row.tag.text() == "wrong" for row in view.answers.shown)
    view.looks.slider.set_number(2)
    view.filter._group.button(CHANGED).click()
    before, now = page.run.answers[68], page.run.answers[136]
    assert len(view.answers.shown) == sum(before[n].answer != now[n].answer for n in now)


def test_playing_goes_through_all_looks_and_stops(page: FinetunePage, qtbot: QtBot) -> None:
    page.show_step(COMPARE)
    looks = page.steps.compare.looks
    looks._timer.setInterval(5)
    qtbot.waitUntil(lambda: looks.chosen is not None, timeout=3000)
    looks.play_all()
    assert looks.chosen == 0
    qtbot.waitUntil(lambda: not looks._timer.isActive(), timeout=3000)
    assert looks.chosen == 676


def test_weights_that_moved_can_be_pointed_at(page: FinetunePage, qtbot: QtBot) -> None:
    page.show_step(COMPARE)
    moved = page.steps.compare.moved
    qtbot.waitUntil(lambda: moved._event is not None, timeout=3000)
    said: list[Inspection | None] = []
    page.steps.compare.inspected.connect(said.append)
    qtbot.keyClick(moved.map, Qt.Key.Key_Down)
    assert said and said[-1] is not None
    assert said[-1].rows[0][0] == "moved"


def test_a_classifier_is_judged_beside_the_answers(page: FinetunePage, qtbot: QtBot, told: canned.Canned) -> None:
    judged = LabelsJudged(
        step=0, labels=("bad", "good"), confusion=(8, 2, 1, 9), accuracy=0.85, expected_calibration_error=0.05,
        brier=0.2, bin_confidence=(float("nan"),) * 9 + (0.95,), bin_accuracy=(float("nan"),) * 9 + (0.85,),
        bin_counts=(0,) * 9 + (20,),
    )  # fmt: skip
    assert page.steps.compare.labels.isHidden()
    page.run.take([judged])
    page.show_step(COMPARE)
    qtbot.waitUntil(lambda: not page.steps.compare.labels.isHidden(), timeout=3000)
    assert page.steps.compare.labels.accuracy.value() == "85%"
    assert "2 as good" in page.steps.compare.labels.matrix.accessibleDescription()


@pytest.mark.parametrize("told", ["failed"], indirect=True)
def test_a_failed_run_says_why_and_offers_to_go_on(page: FinetunePage, qtbot: QtBot) -> None:
    page.show_step(RUN)
    qtbot.waitUntil(lambda: not page.steps.run_view.banner.isHidden(), timeout=3000)
    assert "NaN" in page.steps.run_view.banner.what.text()
    assert shown(page) == ["Resume"]
    assert page.steps.run_view.banner.buttons[0].text() == "Halve the learning rate and resume"


@pytest.mark.parametrize("told", ["running"], indirect=True)
def test_what_comes_while_the_page_is_hidden_is_known_and_not_painted(
    page: FinetunePage, qtbot: QtBot, told: canned.Canned
) -> None:
    page.hidden()
    page.hide()
    drawn: list[int] = []
    page.steps.run_view.charts.loss.plot.drawn.connect(lambda: drawn.append(1))
    assert told.folder is not None
    folder = RunFolder(told.folder / "2-sft")
    at = page.run.step + 1
    folder.append(
        StepMetrics(
            step=at, seconds=70, tokens=at * 4096, loss=0.1, learning_rate=1e-4, grad_norm=1, clipped=False,
            tokens_per_second=13_000,
        )
    )  # fmt: skip
    qtbot.waitUntil(lambda: page.run.step == at, timeout=5000)
    assert not drawn


@pytest.mark.parametrize("told", ["running"], indirect=True)
def test_a_run_at_work_has_a_ring_and_no_start(page: FinetunePage, qtbot: QtBot, told: canned.Canned) -> None:
    assert "running" in page.header.steps._group.button(RUN).accessibleName()
    assert "Start" not in shown(page)
    assert told.folder is not None
    RunFolder(told.folder / "2-sft").append(StateChanged(step=425, seconds=60, state="paused"))
    qtbot.waitUntil(lambda: page.run.state is RunState.PAUSED, timeout=5000)
    assert "paused" in page.header.steps._group.button(RUN).accessibleName()


@pytest.mark.parametrize("told", ["empty"], indirect=True)
def test_before_start_there_is_a_base_a_cost_and_a_recipe(page: FinetunePage, qtbot: QtBot) -> None:
    assert page.base is not None and page.base.name == "first-words"
    qtbot.waitUntil(lambda: page.steps.setup.outlook is not None and page.steps.data.look is not None, timeout=10_000)
    assert shown(page) == ["Start"]
    assert page.header.cost.time.text().startswith("about ")
    outlook = page.steps.setup.outlook
    assert outlook is not None
    assert [spec.name for spec in outlook.recipe.stages] == ["conversations", "sft"]
    assert outlook.recipe.stages[-1].config.model_dump()["base"].startswith("runs/first-words")
    assert page.steps.currentIndex() == DATA


@pytest.mark.parametrize("told", ["done"], indirect=True)
def test_a_finished_run_can_be_the_base_of_the_next(page: FinetunePage, told: canned.Canned) -> None:
    assert told.folder is not None
    page.begin_with(told.folder)
    assert page.base is not None and page.base.folder == told.folder
    assert shown(page) == ["Start"]
    page.open(told.folder)
    assert shown(page) == []


def test_the_data_of_a_run_are_what_it_learned_from(page: FinetunePage, told: canned.Canned) -> None:
    assert told.folder is not None
    page.begin_with(told.folder)
    page.show_step(DATA)
    page.steps.data.choose_source(OWN)
    page.open(told.folder)
    data = page.steps.data
    assert data._run == told.folder and data.pages.currentWidget() is data.browse
    assert data.panel.sources.isHidden()
    page.begin_with(told.folder)
    assert data._run is None and not data.panel.sources.isHidden()


def test_keys_press_only_what_can_be_seen(page: FinetunePage, desk: Desk) -> None:
    start = next(action for action in page.actions() if action.text() == "Start the fine-tuning")
    runs = len(desk.workspace.run_folders())
    start.trigger()
    assert len(desk.workspace.run_folders()) == runs


def test_without_a_model_the_recipe_that_makes_one_is_offered(qtbot: QtBot, tmp_path: Path, settings: Settings) -> None:
    made = canned.build(tmp_path / "bare", "empty")
    desk = make_desk(settings, made.workspace)
    desk.open()
    page = FinetunePage(desk)
    qtbot.addWidget(page)
    page.shown()
    qtbot.waitUntil(lambda: page.steps.shows_nothing, timeout=5000)
    assert page.steps.no_model.button.text() == "Start first-assistant"
    assert shown(page) == []
    page.hidden()
    desk.close()


def test_the_steps_stay_where_they_are_whatever_the_run_does(qtbot: QtBot) -> None:
    owner, bar = QWidget(), Header()
    for widget in (owner, bar):
        qtbot.addWidget(widget)
    header = TuningHeader(owner)
    bar.resize(1100, 56)
    bar.add("finetune", "Fine-tune", header.left(), header.right())
    bar.show_page("finetune")
    bar.show()
    places = set()
    for state, mine in ((None, False), (RunState.RUNNING, True), (RunState.PAUSED, True), (RunState.FAILED, False)):
        header.cost.say("cannot start yet" if mine else "about 3 minutes", "1.2 GB of memory")
        header.choice.clear()
        header.choice.add(state.value if state else "a longer name of a base", "new, from step 600", None)
        header.show_state(state, mine=mine)
        QApplication.processEvents()
        places.add(header.steps.geometry().getRect())
    assert len(places) == 1


def test_the_best_checkpoint_is_taken_before_a_later_one(tmp_path: Path) -> None:
    for name in ("step-000100", "step-000200"):
        (tmp_path / "2-sft" / "checkpoints" / name).mkdir(parents=True)
        write_json(tmp_path / "2-sft" / "checkpoints" / name / "manifest.json", {})
    assert chosen_checkpoint(tmp_path) == tmp_path / "2-sft" / "checkpoints" / "step-000200"
    write_json(tmp_path / "2-sft" / "best.json", {"checkpoint": "step-000100"})
    assert chosen_checkpoint(tmp_path) == tmp_path / "2-sft" / "checkpoints" / "step-000100"
    assert chosen_checkpoint(tmp_path / "nowhere") is None
