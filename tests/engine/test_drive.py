"""The driver records, pauses, stops and tells how a stage ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engine.control import Control
from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, Failed, HealthAlarm, Progress, RunState, StateChanged, Tick
from engine.pipeline.drive import drive
from engine.pipeline.stage import Context, StageConfig
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace

READY = ArtifactReady(kind="corpus", folder="corpora/x", reused=False, figures={})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    workspace = open_workspace(tmp_path / "w")
    folder = RunFolder.create(tmp_path / "w" / "runs" / "r", RunRecord("toy", "Toy", {}, {}, 1, ""))
    return Context(workspace, folder, Control(), "toy")


def stage(run: Callable[[StageConfig, Context], Iterator[Event]]) -> ModuleType:
    module = ModuleType("toy")
    module.run = run  # type: ignore[attr-defined]
    return module


def states(context: Context) -> list[str]:
    return [e.state for e in context.run_folder.all_events() if isinstance(e, StateChanged)]


def count(config: StageConfig, context: Context) -> Iterator[Event]:
    for done in range(1, 6):
        if context.control.stopping:
            return
        yield Progress(step=done, done=done, total=5, unit="things")
        yield Tick()
    yield READY


def test_what_is_yielded_is_recorded_and_done_is_done(context: Context) -> None:
    events = list(drive(stage(count), StageConfig(), context))
    recorded = list(context.run_folder.all_events())
    assert recorded == [event for event in events if not isinstance(event, Tick)]
    assert states(context) == ["running", "done"]
    assert [e.seconds for e in recorded] == sorted(e.seconds for e in recorded)
    assert context.run_folder.status().state is RunState.DONE and context.run_folder.status().step == 5


def test_stopping_is_not_done(context: Context) -> None:
    for event in drive(stage(count), StageConfig(), context):
        if event.step == 3:
            context.control.stop()
    assert states(context)[-1] == "stopped"


def test_a_pause_holds_the_stage_and_its_time(context: Context) -> None:
    ticks = 0
    for event in drive(stage(count), StageConfig(), context):
        if isinstance(event, Progress) and event.done == 2:
            context.control.pause()
        if context.run_folder.status().state is RunState.PAUSED:
            ticks += isinstance(event, Tick)
            if ticks == 5:
                context.control.resume()
    assert states(context) == ["running", "paused", "running", "done"]
    assert ticks >= 5 and context.run_folder.status().seconds < 0.1


def test_an_error_with_words_keeps_them(context: Context) -> None:
    def fail(config: StageConfig, context: Context) -> Iterator[Event]:
        yield Tick()
        raise CutawayError("It broke.", "It was thin.", "Take a thicker one.")

    events = list(drive(stage(fail), StageConfig(), context))
    failed = next(event for event in events if isinstance(event, Failed))
    assert (failed.what, failed.why, failed.remedy) == ("It broke.", "It was thin.", "Take a thicker one.")
    assert context.run_folder.status().state is RunState.FAILED


def test_an_unexpected_error_keeps_its_traceback(context: Context) -> None:
    def fail(config: StageConfig, context: Context) -> Iterator[Event]:
        yield Tick()
        raise KeyError("nowhere")

    failed = next(e for e in drive(stage(fail), StageConfig(), context) if isinstance(e, Failed))
    assert "nowhere" in failed.why and "Traceback" in failed.details


def test_closing_runs_the_finally_of_the_stage(context: Context) -> None:
    saved = []

    def run(config: StageConfig, context: Context) -> Iterator[Event]:
        try:
            while True:
                yield Tick()
        finally:
            saved.append(True)

    stream = drive(stage(run), StageConfig(), context)
    for _ in range(5):
        next(stream)
    stream.close()
    assert saved == [True] and context.run_folder.status().state is RunState.STOPPED


def test_a_disk_that_fills_up_pauses_and_nothing_is_lost(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    full = {"now": False}
    append = RunFolder.append

    def limited(folder: RunFolder, event: Event) -> None:
        if full["now"]:
            raise OSError(28, "No space left on device")
        append(folder, event)

    monkeypatch.setattr(RunFolder, "append", limited)
    for event in drive(stage(count), StageConfig(), context):
        if isinstance(event, Progress) and event.done == 2:
            full["now"] = True
        if isinstance(event, HealthAlarm):
            assert event.cause == "disk" and "full" in event.why and context.control.paused
            full["now"] = False
            context.control.resume()
    done = [e.done for e in context.run_folder.all_events() if isinstance(e, Progress)]
    assert done == [1, 2, 3, 4, 5] and states(context)[-1] == "done"


def test_time_goes_on_where_it_was_after_a_resumption(context: Context) -> None:
    def slow(config: StageConfig, context: Context) -> Iterator[Event]:
        time.sleep(0.05)
        yield Progress(done=1, total=1, unit="x")

    for _ in range(2):
        list(drive(stage(slow), StageConfig(), context))
    times = [e.seconds for e in context.run_folder.all_events() if isinstance(e, Progress)]
    assert times[1] > times[0] + 0.04
