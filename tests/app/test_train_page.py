"""The Train page over a real desk: a canned run, and a real one that is started, steered and stopped."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.pages.home.run_view import RunView
from app.pages.train.page import TrainPage
from app.widgets.inspection import Inspection
from app.widgets.status_bar_run import LiveRun
from app.widgets.timeline import clock
from engine.errors import CutawayError
from engine.events import (
    ControlApplied,
    Event,
    Failed,
    HealthAlarm,
    MemoryRanOut,
    Progress,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Validation,
)
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, recipe_from_json
from engine.stages import pretrain
from engine.store.files import write_json
from engine.store.run_folder import RunFolder, Status

STEPS = 400


def events(reached: int) -> list[Event]:
    noise = np.random.default_rng(2).normal(size=reached + 1)
    found: list[Event] = [StateChanged(state="running")]
    for step in range(1, reached + 1):
        at = {"step": step, "seconds": step * 0.31, "tokens": step * 4096}
        found.append(
            StepMetrics(
                **at,
                loss=0.5 + 6.4 * math.exp(-step / 70) * math.exp(0.03 * noise[step]),
                learning_rate=1e-3 * min(step / 20, 1),
                grad_norm=0.4 + 3 * math.exp(-step / 30),
                clipped=step < 30,
                tokens_per_second=13_200 + 100 * noise[step],
            )
        )
        if step % 50 == 0:
            loss = 0.55 + 6.4 * math.exp(-step / 70)
            found.append(Validation(**at, loss=loss, bits_per_byte=loss / 2.3, train_loss=loss - 0.02))
            text = f" Anvik, {step} times."
            found.append(
                TextSample(
                    step=step, seconds=step * 0.31, prompt="Mira was born in", text=text, seed=7, temperature=0.7
                )
            )
        if step == 120:
            found.append(ControlApplied(step=step, seconds=step * 0.31, name="learning_rate_scale", value=0.8))
    return found


def write_run(desk: Desk, state: RunState, reached: int = 240, extra: tuple[Event, ...] = ()) -> RunFolder:
    """A recipe run of one stage. A live one carries this process as its writer."""
    config = pretrain.Config(depth=2, steps=STEPS)
    recipe = Recipe("words", "", recipe_from_json(_recipe_json()).stages)
    run = RecipeRun.create(desk.workspace, recipe)
    folder = run.stage_folder(0)
    folder.path.mkdir()
    made = pretrain.plan(config, 1024)
    facts = {
        "model": made.model.model_dump(),
        "training": made.training.model_dump(),
        "origins": made.origins,
        "tokens": made.tokens,
        "batch_tokens": made.batch_tokens,
        "train_tokens": 1_600_000,
        "peak_flops": 4e11,
        "estimate": asdict(made.expected(1e11)),
    }
    write_json(folder.path / "plan.json", facts)
    for event in (*events(reached), *extra, StateChanged(step=reached, seconds=reached * 0.31, state=state.value)):
        folder.append(event)
    if state.is_final:
        told = RunState.RUNNING if state is RunState.DIED else state
        write_json(
            folder.path / "status.json", asdict(Status(told, reached, reached * 0.31, "", 1, 1.0, "elsewhere", 0))
        )
    else:
        folder.write_status(state, reached, reached * 0.31)
    return folder


def _recipe_json() -> dict[str, object]:
    return {"name": "words", "description": "", "stages": {"pretrain": {"depth": 2, "steps": STEPS}}}


@pytest.fixture
def page(qtbot: QtBot, desk: Desk) -> TrainPage:
    page = TrainPage(desk)
    qtbot.addWidget(page)
    page.resize(1008, 768)
    page.show()
    page.shown()
    for widget in (*page.header_left(), *page.header_right()):
        qtbot.addWidget(widget)
    return page


def follow(qtbot: QtBot, page: TrainPage, desk: Desk, folder: RunFolder, reached: int) -> None:
    desk.feed.follow(folder.path.parent)
    qtbot.waitUntil(lambda: page.run.step == reached, timeout=5000)
    page.view.shown()


def test_an_empty_workspace_offers_to_begin(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    assert page.start.isVisible()
    assert not page.header.tag.isVisible()
    assert page.start.first.isVisible()
    started: list[Recipe] = []
    page.start.started.disconnect()
    page.start.started.connect(started.append)
    page.start.presets.choose("shakespeare")
    page.start._choose()
    page.start.form.rows["steps"].enter(77)
    assert page.start.form.rows["d_model"].origin.text() == "preset"
    assert "MB memory" in page.start.cost.text()
    assert page.start.start.text() == "Choose a text and start"
    page.start.form.rows["n_head"].enter(7)
    assert not page.start.start.isEnabled()
    assert "make no model" in page.start.trouble.text()
    page.start.form.rows["n_head"].enter(-7)
    assert "out of bounds" in page.start.trouble.text()


def test_a_page_that_is_opened_late_looks_the_same(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    folder = write_run(desk, RunState.PAUSED, 100)
    follow(qtbot, page, desk, folder, 100)
    for event in events(240)[-300:]:
        if event.step > 100:
            folder.append(event)
    qtbot.waitUntil(lambda: page.run.step == 240, timeout=5000)
    late = TrainPage(desk)
    qtbot.addWidget(late)
    late.resize(page.size())
    late.show()
    late.shown()
    page.view.shown()
    np.testing.assert_array_equal(page.run.loss.values, late.run.loss.values)
    for mine, other in zip(page.run._all_series(), late.run._all_series(), strict=True):
        np.testing.assert_array_equal(mine.values, other.values)
    assert page.run.marks == late.run.marks
    readouts = [r.value() for r in (page.view.readouts.loss, page.view.readouts.bits, page.view.readouts.step)]
    assert readouts == [r.value() for r in (late.view.readouts.loss, late.view.readouts.bits, late.view.readouts.step)]
    assert late.view.samples.text() == page.view.samples.text()
    assert late.run.state is page.run.state
    for widget in (*late.header_left(), *late.header_right()):
        qtbot.addWidget(widget)


def test_the_numbers_of_a_running_run(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    follow(qtbot, page, desk, write_run(desk, RunState.RUNNING), 240)
    readouts = page.view.readouts
    assert readouts.step.value() == "240"
    assert readouts.left.value() == "0:50"
    assert readouts.tokens.value() == "983k"
    assert page.header.tag.text() == "running"
    assert page.view.charts.link.end == pytest.approx(STEPS * 4096)
    assert page.view.charts.rate.plot.planned[0][-1] == STEPS
    planned = page.view.charts.rate.plot.planned[1]
    assert planned[0] > planned[-1] > 0
    assert [mark.text for mark in page.view.charts.link.marks] == ["lr × 0.8, by hand"]
    assert "step 200\tMira was born in Anvik, 200 times." in page.view.samples.text()
    assert "next sample" in page.view.samples._coming
    table = page.view.settings.table
    names = [table._cell(row, 0) for row in range(table.rowCount())]
    assert {"n_layer", "dropout", "weight_decay", "learning_rate", "time"} <= set(names)


def test_a_finished_run_says_so(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    follow(qtbot, page, desk, write_run(desk, RunState.DONE, STEPS), STEPS)
    qtbot.waitUntil(lambda: page.header.tag.text() == "done", timeout=2000)
    assert page.view.readouts.left.value() == "2:04"
    assert not page.header.stop_button.isVisible()
    assert not page.header.resume_button.isVisible()
    assert not page.view.banner.isVisible()
    assert page.view.samples._coming == ""


def test_a_failed_run_explains_itself_and_can_go_on(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    words = {"what": "The loss became NaN.", "why": "Too large a step.", "remedy": "Lower the learning rate."}
    extra = (HealthAlarm(step=240, cause="nan", **words), Failed(step=240, **words, details="Traceback ..."))
    follow(qtbot, page, desk, write_run(desk, RunState.FAILED, 240, extra), 240)
    qtbot.waitUntil(lambda: page.view.banner.isVisible(), timeout=2000)
    assert page.view.banner.what.text() == words["what"]
    assert words["why"] in page.view.banner.why.text()
    assert [button.text() for button in page.view.banner.buttons] == [
        "Halve the learning rate and resume",
        "Resume from the beginning",
        "Copy details",
    ]
    assert page.header.tag.text() == "failed"
    assert page.header.resume_button.isVisibleTo(page.header.resume_button.parentWidget())


def test_a_lack_of_memory_is_a_quiet_notice(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    extra = (MemoryRanOut(step=90, rows=4, passes=8),)
    follow(qtbot, page, desk, write_run(desk, RunState.STOPPED, 240, extra), 240)
    qtbot.waitUntil(page.view.notice.isVisible, timeout=2000)
    assert "4 rows at a time" in page.view.notice.text() and not page.view.banner.isVisible()
    follow(qtbot, page, desk, write_run(desk, RunState.STOPPED, 200), 200)
    qtbot.waitUntil(lambda: not page.view.notice.isVisible(), timeout=2000)


def test_another_run_and_back(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    first = write_run(desk, RunState.DONE, STEPS)
    second = write_run(desk, RunState.STOPPED, 90)
    follow(qtbot, page, desk, first, STEPS)
    page.open(second.path.parent)
    qtbot.waitUntil(lambda: page.run.step == 90, timeout=5000)
    page.open("new")
    assert page.start.isVisible()
    assert page.start.back.isVisible()
    page.start.back.click()
    assert page.view.isVisible()
    desk.runs.refresh()
    qtbot.waitUntil(lambda: page.header.runs.count() == 3, timeout=5000)
    assert page.header.runs.currentData() == str(second.path.parent)
    page.open(desk.workspace.root / "no-such-run")


def test_a_rewound_run_loses_what_is_void(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    folder = write_run(desk, RunState.PAUSED, 240)
    follow(qtbot, page, desk, folder, 240)
    folder.append(Resumed(step=100))
    folder.append(StateChanged(step=100, state="running"))
    qtbot.waitUntil(lambda: page.run.step == 100, timeout=5000)
    assert len(page.run.gap) == 2
    assert page.run.marks == ()


def test_a_hidden_page_draws_nothing(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    folder = write_run(desk, RunState.RUNNING, 100)
    follow(qtbot, page, desk, folder, 100)
    qtbot.wait(150)
    page.hidden()
    page.hide()
    drawn: list[int] = []
    for chart in (page.view.charts.loss, *page.view.charts.small_charts):
        chart.plot.drawn.connect(lambda: drawn.append(1))
    folder.append(events(101)[-1])
    qtbot.waitUntil(lambda: page.run.step == 101, timeout=5000)
    qtbot.wait(100)
    assert drawn == []
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.view.readouts.step.value() == "101", timeout=3000)


def test_pointing_explains(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    follow(qtbot, page, desk, write_run(desk, RunState.RUNNING), 240)
    seen: list[Inspection | None] = []
    desk.bus.inspect.connect(seen.append)
    for chart in (page.view.charts.loss, *page.view.charts.small_charts):
        chart.plot._point_at(page.view.charts.link.place(100))
        last = seen[-1]
        assert last is not None
        assert "step 100" in last.subtitle
    page.view.charts.loss.plot.leaveEvent(QEvent(QEvent.Type.Leave))
    assert seen[-1] is None
    readouts = page.view.readouts
    for readout in (readouts.loss, readouts.bits, readouts.step, readouts.tokens, readouts.speed, readouts.left):
        enter = QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(1, 1))
        page.view.readouts.eventFilter(readout, enter)
        assert isinstance(seen[-1], Inspection)
    page.view.settings._inspect(3, 0)
    assert isinstance(seen[-1], Inspection)


def test_the_numbers_of_one_screen_agree(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    live = LiveRun(desk.jobs, desk.feed)
    folder = write_run(desk, RunState.RUNNING)
    follow(qtbot, page, desk, folder, 240)
    home = RunView(desk.feed.run)
    home.stages[0].take(desk.feed.history("pretrain"))
    assert live.seconds_left == page.run.seconds_left == home.stages[0].seconds_left == pytest.approx(160 * 0.31)
    assert live.tokens_per_second == page.run.recent_speed == pytest.approx(4096 / 0.31)
    assert page.view.readouts.left.value() == clock(160 * 0.31)
    live._take(0, "pretrain", [Progress(seconds=80.0, done=100, total=5_000, unit="conversations")])
    assert live.seconds_left is None  # reading is not the training
    steps = [event for event in events(3) if isinstance(event, StepMetrics)]
    live._take(0, "pretrain", steps)
    assert live.seconds_left == pytest.approx((STEPS - 3) * 0.31)
    assert page.view.charts.speed._readout.value() == page.view.readouts.speed.value() == "13,213"
    assert not page.view.notice.isVisible()
    for step in range(241, 291):  # as slow as a third
        at = {"step": step, "seconds": 240 * 0.31 + (step - 240), "tokens": step * 4096}
        made = {"loss": 0.7, "learning_rate": 1e-3, "grad_norm": 0.4, "clipped": False, "tokens_per_second": 4096}
        folder.append(StepMetrics(**at, **made))
    qtbot.waitUntil(lambda: page.run.step == 290, timeout=5000)
    page.view.shown()
    assert live.is_slowed
    assert "other programs" in page.view.notice.text()


def test_the_dials_start_a_run_of_their_own(
    qtbot: QtBot, desk: Desk, page: TrainPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(desk, RunState.DONE, STEPS)
    follow(qtbot, page, desk, folder, STEPS)
    gap = page.view.gap
    plot = gap.dropout._plot
    held = plot._place(plot.dots[0]).y()
    assert plot.height() / 2 < held < plot.height() - 12  # a gap of 0.02 lies low, and not on the dial's name
    assert page.view.charts.gap.plot._fit(np.array([0.02])) == (-0.1, pytest.approx(0.3))
    assert not gap._button.isEnabled()
    gap.dropout.set_number(0.2)
    assert gap._button.isEnabled()
    started: list[Recipe] = []

    def start(recipe: Recipe) -> RecipeRun:
        started.append(recipe)
        return RecipeRun.open(desk.workspace, folder.path.parent)

    monkeypatch.setattr(desk.jobs, "start", start)
    gap._button.click()
    config = started[0].stages[0].config
    assert isinstance(config, pretrain.Config)
    assert (config.dropout, config.weight_decay, config.depth) == (0.2, 0.1, 2)


def test_a_real_run_is_started_steered_and_stopped(qtbot: QtBot, desk: Desk, page: TrainPage, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Mira Toll was born in Anvik. She keeps a grey fox and a lamp.\n" * 400)
    recipe = recipe_from_json(
        {
            "name": "tiny",
            "description": "",
            "stages": {
                "corpus": {"paths": [str(text)]},
                "train_tokenizer": {"kind": "byte"},
                "tokenize": {"split": "tail"},
                "pretrain": {"depth": 1, "d_model": 16, "context_length": 32, "batch_tokens": 256, "steps": 100_000},
            },
        }
    )
    page.start.started.emit(recipe)
    assert page.view.isVisible()
    qtbot.waitUntil(lambda: page.run.step > 5, timeout=30_000)
    header = page.header
    assert header.tag.text() == "running"
    header.rate.stepDown()
    qtbot.waitUntil(lambda: page.run.scale == pytest.approx(0.8), timeout=5000)
    header.checkpoint_button.click()
    qtbot.waitUntil(lambda: len(page.run.checkpoints) > 0, timeout=5000)
    header.pause_button.click()
    qtbot.waitUntil(lambda: header.tag.text() == "paused", timeout=5000)
    at = page.run.step
    assert header.go_on_button.isVisibleTo(header.go_on_button.parentWidget())
    header.go_on_button.click()
    qtbot.waitUntil(lambda: page.run.step > at, timeout=5000)
    header.stop_button.click()
    qtbot.waitUntil(lambda: header.tag.text() == "stopped", timeout=10_000)
    stopped = page.run.step
    assert page.run.checkpoints[-1].step == stopped
    page._resume(0.5)
    qtbot.waitUntil(lambda: page.run.step > stopped and page.run.scale == pytest.approx(0.4), timeout=20_000)
    header.stop_button.click()
    qtbot.waitUntil(lambda: header.tag.text() == "stopped" and desk.jobs.current is None, timeout=10_000)


def test_trouble_reaches_the_window(qtbot: QtBot, desk: Desk, page: TrainPage, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[CutawayError] = []
    desk.bus.error.connect(errors.append)

    def refuse(_recipe: Recipe) -> RecipeRun:
        raise CutawayError("No.", "The disk is full.", "Free some space.")

    monkeypatch.setattr(desk.jobs, "start", refuse)
    errors.clear()
    page.start.started.emit(recipe_from_json(_recipe_json()))
    page.open(desk.workspace.root / "nowhere")
    assert errors[0].what == "No."
    assert "recipe.json is missing" in errors[1].what


def test_the_log_key_works_anywhere_on_the_page(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    follow(qtbot, page, desk, write_run(desk, RunState.DONE, STEPS), STEPS)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow, timeout=2000)
    page.view.samples.setFocus()
    qtbot.keyClick(page.view.samples, Qt.Key.Key_L)
    assert not page.view.charts.loss.plot.log


def test_files_of_a_run_that_are_broken_do_not_break_the_page(qtbot: QtBot, desk: Desk, page: TrainPage) -> None:
    folder = write_run(desk, RunState.STOPPED, 50)
    (folder.path / "plan.json").write_text("{torn")
    follow(qtbot, page, desk, folder, 50)
    assert page.run.plan is None
    assert page.view.readouts.left.value() == "0:16"
    assert json.loads((folder.path.parent / "recipe.json").read_text())["name"] == "words"
