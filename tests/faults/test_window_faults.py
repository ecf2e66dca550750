"""The window when things go wrong: closed during a run, a run that fails under it, a disk that is full or gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from app.main_window import MainWindow
from app.widgets.choice_dialog import ChoiceDialog
from engine.control import post
from engine.errors import CutawayError
from engine.events import CheckpointSaved, RunState, StepMetrics
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

Counting = Callable[..., Recipe]


@pytest.fixture
def window(desk: Desk, qtbot: QtBot, toy_stages: None) -> Iterator[MainWindow]:
    window = MainWindow(desk)
    window.show_page("home")
    window.show()
    yield window
    shiboken6.delete(window)  # at once: a page that is asked to refresh later would not find the toy stage


def answer(key: str) -> None:
    """Presses a button of the dialog that is about to open; "" closes it as Escape does."""

    def press() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ChoiceDialog):
            QTimer.singleShot(20, press)
        elif key:
            button = dialog.findChild(QWidget, key)
            assert button is not None
            button.click()  # type: ignore[attr-defined]
        else:
            dialog.reject()

    QTimer.singleShot(0, press)


def begin(desk: Desk, qtbot: QtBot, recipe: Recipe, stage: str = "counting") -> RecipeRun:
    run = desk.jobs.start(recipe)
    qtbot.waitUntil(lambda: any(isinstance(event, StepMetrics) for event in desk.feed.history(stage)), timeout=60_000)
    return run


def test_closing_an_idle_window_asks_nothing(window: MainWindow) -> None:
    window.close()
    assert not window.isVisible()


@pytest.mark.parametrize("key", ["stay", ""])
def test_staying_leaves_everything_as_it_was(
    window: MainWindow, desk: Desk, qtbot: QtBot, counting: Counting, key: str
) -> None:
    run = begin(desk, qtbot, counting(steps=5000, seconds_a_step=0.002))
    answer(key)
    window.close()
    assert window.isVisible() and run.status().state is RunState.RUNNING
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None)


def test_save_and_stop_closes_when_everything_is_saved(
    window: MainWindow, desk: Desk, qtbot: QtBot, counting: Counting
) -> None:
    run = begin(desk, qtbot, counting(steps=5000, seconds_a_step=0.002))
    answer("stop")
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert run.status().state is RunState.STOPPED
    assert (run.folder / "1-counting" / "place.json").is_file()


@pytest.fixture
def tiny(workspace: Workspace) -> Recipe:
    """The real stages, a model of some thousand parameters, and more steps than anybody waits for."""
    stages = {
        "world": {"people": 20, "documents": 200},
        "train_tokenizer": {"kind": "byte"},
        "tokenize": {},
        "pretrain": {
            "depth": 1,
            "d_model": 16,
            "n_head": 2,
            "context_length": 32,
            "steps": 200_000,
            "batch_tokens": 128,
            "precision": "float32",
            "evaluate_every": 100_000,
            "sample_every": 100_000,
            "checkpoint_every": 100_000,
        },
    }
    return recipe_from_json({"name": "tiny", "description": "", "stages": stages})


def losses(folder: RunFolder) -> dict[int, float]:
    return {event.step: event.loss for event in folder.all_events() if isinstance(event, StepMetrics)}


def test_a_detached_run_goes_on_without_the_window_and_is_found_by_the_next(
    settings: Settings, qtbot: QtBot, workspace: Workspace, tiny: Recipe
) -> None:
    settings.threads = 1
    desk = make_desk(settings, workspace)
    desk.open()
    window = MainWindow(desk)
    window.show()
    run = begin(desk, qtbot, tiny, "pretrain")
    answer("detach")
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert desk.jobs.current is not None and desk.jobs.current.detached
    process = desk.jobs.current.process
    assert process is not None
    desk.close()
    shiboken6.delete(window)

    saved = max(event.step for event in run.stage_folder(3).all_events() if isinstance(event, CheckpointSaved))
    qtbot.waitUntil(lambda: run.status().state is RunState.RUNNING and run.status().pid == process.pid, timeout=30_000)
    qtbot.waitUntil(lambda: max(losses(run.stage_folder(3))) > saved + 20, timeout=60_000)

    following = make_desk(settings, workspace)
    with qtbot.waitSignal(following.jobs.began):
        following.open()
    assert following.jobs.current is not None and following.jobs.current.detached
    with qtbot.waitSignal(following.jobs.ended, timeout=30_000):
        following.jobs.stop()
        assert process.wait(30) == 0
    assert run.status().state is RunState.STOPPED
    assert list(losses(run.stage_folder(3))) == list(range(1, max(losses(run.stage_folder(3))) + 1))
    following.close()


def test_a_process_that_cannot_go_on_is_told_with_its_last_words(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    # The process of its own does not know the toy stage, as one of an older version would not.
    run = begin(desk, qtbot, counting(steps=5000, seconds_a_step=0.002))
    errors: list[CutawayError] = []
    desk.bus.error.connect(errors.append)
    with qtbot.waitSignal(desk.jobs.ended, timeout=30_000):
        desk.jobs.detach()
    (error,) = errors
    assert "ended in its own process" in error.what and "counting" in error.details
    assert run.status().state is RunState.STOPPED and desk.jobs.current is None


def test_a_window_that_cannot_hand_its_run_over_stays(
    window: MainWindow, desk: Desk, qtbot: QtBot, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(desk, qtbot, counting(steps=5000, seconds_a_step=0.002))
    monkeypatch.setattr("sys.executable", "/there/is/no/python")
    answer("detach")
    with qtbot.waitSignal(desk.bus.error) as told:
        window.close()
    assert "could not be started in a process of its own" in told.args[0].what
    qtbot.wait(50)
    assert window.isVisible() and run.status().state is RunState.STOPPED


def test_a_folder_that_vanishes_under_the_window_is_no_flood_of_errors(
    window: MainWindow, desk: Desk, qtbot: QtBot, counting: Counting
) -> None:
    with qtbot.waitSignal(desk.jobs.ended):
        run = desk.jobs.start(counting(steps=3))
    errors: list[object] = []
    desk.bus.error.connect(errors.append)
    shutil.rmtree(run.folder)
    desk.feed.wake()
    desk.runs.refresh()
    qtbot.wait(300)
    assert errors == []


def test_a_run_whose_disk_fills_pauses_and_goes_on(
    desk: Desk, qtbot: QtBot, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    begin(desk, qtbot, counting(steps=400, seconds_a_step=0.003))
    write = RunFolder.append

    def full(self: RunFolder, event: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "append", full)
    qtbot.waitUntil(lambda: desk.jobs.current is not None and desk.jobs.current.alarm is not None)
    assert desk.jobs.current is not None and desk.jobs.current.alarm is not None
    assert desk.jobs.current.alarm.why == "The disk is full."
    monkeypatch.setattr(RunFolder, "append", write)
    with qtbot.waitSignal(desk.jobs.ended, timeout=10_000) as ended:
        desk.jobs.go_on()
    assert ended.args[0].state is RunState.DONE


def test_a_steering_file_from_elsewhere_stops_the_run(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = begin(desk, qtbot, counting(steps=5000, seconds_a_step=0.002))
    with qtbot.waitSignal(desk.jobs.ended):
        post(run.control_folder, "stop")
    assert run.status().state is RunState.STOPPED


def test_a_foreign_folder_among_the_runs_is_named_and_hurts_nobody(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    strange = desk.workspace.runs / "strange"
    strange.mkdir()
    (strange / "recipe.json").write_bytes(b"\x00\xff")
    desk.runs.refresh()
    qtbot.waitUntil(lambda: [run.state for run in desk.runs.summaries] == [None])
    assert desk.runs.summaries[0].ended_words.startswith("Cannot be read:")
