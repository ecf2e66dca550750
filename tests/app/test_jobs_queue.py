"""The queue: one job at a time, steered by hand, and every way in which a run can end."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from engine.control import Control
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe
from engine.store.workspace import Workspace

TOY_STAGES = Path(__file__).with_name("toy_stages")
Counting = Callable[..., Recipe]


def state_of(desk: Desk) -> RunState | None:
    return desk.jobs.current.state if desk.jobs.current else None


def wait_for(desk: Desk, qtbot: QtBot, state: RunState | None) -> None:
    qtbot.waitUntil(lambda: state_of(desk) == state, timeout=10_000)


def test_a_run_goes_to_its_end(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    with qtbot.waitSignals([desk.jobs.began, desk.jobs.ended]):
        run = desk.jobs.start(counting(steps=5))
    assert run.status().state is RunState.DONE
    assert desk.jobs.current is None and not desk.jobs.busy
    qtbot.waitUntil(lambda: desk.feed.stage_status(0).state is RunState.DONE)
    assert [event.step for event in desk.feed.history("counting") if event.step][-1] == 5


def test_pause_and_go_on(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = desk.jobs.start(counting(steps=40, seconds_a_step=0.005))
    wait_for(desk, qtbot, RunState.RUNNING)
    desk.jobs.pause()
    wait_for(desk, qtbot, RunState.PAUSED)
    step = run.status().step
    qtbot.wait(60)
    assert run.status().step <= step + 1 < 40
    desk.jobs.go_on()
    wait_for(desk, qtbot, None)
    assert run.status().state is RunState.DONE


def test_stop_answers_at_once_and_the_run_can_be_resumed(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = desk.jobs.start(counting(steps=60, seconds_a_step=0.005))
    qtbot.waitUntil(lambda: len(desk.feed.history("counting")) > 5)
    desk.jobs.stop()
    assert state_of(desk) is RunState.STOPPING
    wait_for(desk, qtbot, None)
    assert run.status().state is RunState.STOPPED
    with qtbot.waitSignal(desk.jobs.ended, timeout=10_000):
        desk.jobs.resume(run)
        desk.jobs.resume(run)  # a second time changes nothing
        assert desk.jobs.waiting == []
    steps = [event.step for event in desk.feed.history("counting") if type(event).__name__ == "StepMetrics"]
    qtbot.waitUntil(lambda: desk.feed.stage_status(0).state is RunState.DONE)
    steps = [event.step for event in desk.feed.history("counting") if type(event).__name__ == "StepMetrics"]
    assert steps == list(range(1, 61))


def test_the_second_waits_for_the_first(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    first = desk.jobs.start(counting("one", steps=20, seconds_a_step=0.005))
    second = desk.jobs.start(counting("two", steps=2))
    third = desk.jobs.start(counting("three", steps=2))
    assert [job.run for job in desk.jobs.waiting] == [second, third]
    desk.jobs.remove(desk.jobs.waiting[1])
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=10_000)
    assert [run.status().state for run in (first, second, third)] == ["done", "done", "waiting"]


@pytest.mark.parametrize(("failure", "why"), [("words", "Somebody spoke."), ("crash", "ZeroDivisionError")])
def test_a_stage_that_fails_is_told_and_the_next_run_works(
    desk: Desk, qtbot: QtBot, counting: Counting, failure: str, why: str
) -> None:
    errors: list[CutawayError] = []
    desk.bus.error.connect(errors.append)
    with qtbot.waitSignal(desk.jobs.ended) as ended:
        desk.jobs.start(counting(steps=9, fail_at=4, failure=failure))
    job = ended.args[0]
    assert job.state is RunState.FAILED and job.error is not None
    assert len(errors) == 1 and why in errors[0].why
    with qtbot.waitSignal(desk.jobs.ended) as ended:
        desk.jobs.start(counting(steps=2))
    assert ended.args[0].state is RunState.DONE


def test_an_alarm_pauses_the_run_and_says_why(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    desk.jobs.start(counting(steps=9, fail_at=4, failure="alarm"))
    wait_for(desk, qtbot, RunState.PAUSED)
    assert desk.jobs.current is not None and desk.jobs.current.alarm is not None
    assert desk.jobs.current.alarm.cause == "nan"
    desk.jobs.go_on()
    wait_for(desk, qtbot, None)


def test_a_run_that_cannot_begin_is_told(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = RecipeRun.create(desk.workspace, counting(steps=2))
    (run.folder / "1-counting").write_text("a file where a folder must be")
    with qtbot.waitSignals([desk.bus.error, desk.jobs.ended]):
        desk.jobs.resume(run)
    assert desk.jobs.current is None and desk.engine.isRunning()


def test_leaving_stops_the_run_and_starts_no_other(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = desk.jobs.start(counting(steps=1000, seconds_a_step=0.002))
    desk.jobs.start(counting(steps=2))
    qtbot.waitUntil(lambda: desk.feed.history("counting") != [])
    with qtbot.waitSignal(desk.jobs.free):
        desk.jobs.leave(detached=False)
    assert run.status().state is RunState.STOPPED
    assert desk.jobs.current is None and len(desk.jobs.waiting) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="counts file descriptors")
def test_many_runs_leave_no_thread_file_or_object_behind(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    me = psutil.Process()

    def many(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            with qtbot.waitSignal(desk.jobs.ended):
                desk.jobs.start(counting(steps=3))
        desk.feed.follow(None)
        qtbot.wait(20)
        gc.collect()
        objects = sum(isinstance(thing, QObject) for thing in gc.get_objects())
        return me.num_fds(), threading.active_count(), objects

    before = many(5)
    after = many(25)
    assert all(b <= a + 3 for a, b in zip(before, after, strict=True))


SECOND_PROCESS = """
    import sys
    from pathlib import Path
    import engine.stages
    engine.stages.__path__.append(sys.argv[1])
    from engine.control import Control
    from engine.launch.local import RecipeRun
    from engine.store.workspace import open_workspace
    run = RecipeRun.open(open_workspace(Path(sys.argv[2])), Path(sys.argv[3]))
    for event in run.work(Control(run.control_folder)):
        print(event.step, flush=True)
"""


def work_elsewhere(run: RecipeRun) -> subprocess.Popen[str]:
    """Another process works on the run; returns when it is at step 3."""
    command = [sys.executable, "-c", textwrap.dedent(SECOND_PROCESS), str(TOY_STAGES)]
    process = subprocess.Popen(
        [*command, str(run.workspace.root), str(run.folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "3":
        assert process.poll() is None
    return process


def test_a_killed_run_is_offered_at_the_next_start_and_goes_on(
    settings: Settings, qtbot: QtBot, counting: Counting, workspace: Workspace
) -> None:
    run = RecipeRun.create(workspace, counting(steps=500, seconds_a_step=0.01))
    process = work_elsewhere(run)
    process.kill()
    process.communicate()
    desk = make_desk(settings, workspace)
    with qtbot.waitSignal(desk.bus.interrupted) as offered:
        desk.open()
    assert [summary.folder for summary in offered.args[0]] == [run.folder]
    desk.jobs.resume(desk.open_run(offered.args[0][0]))
    wait_for(desk, qtbot, RunState.RUNNING)
    desk.jobs.stop()
    wait_for(desk, qtbot, None)
    assert run.status().state is RunState.STOPPED
    desk.close()


def test_a_run_that_works_elsewhere_is_found_at_the_start(
    settings: Settings, qtbot: QtBot, counting: Counting, workspace: Workspace
) -> None:
    run = RecipeRun.create(workspace, counting(steps=3000, seconds_a_step=0.01))
    process = work_elsewhere(run)
    desk = make_desk(settings, workspace)
    with qtbot.waitSignal(desk.jobs.began) as began:
        desk.open()
    assert began.args[0].detached and began.args[0].run.folder == run.folder
    assert desk.feed.run is not None and desk.feed.run.folder == run.folder
    desk.jobs.stop()
    process.communicate(timeout=10)
    desk.close()


def test_a_run_of_another_process_is_shown_and_steered(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = RecipeRun.create(desk.workspace, counting(steps=3000, seconds_a_step=0.01))
    process = work_elsewhere(run)
    desk.jobs.adopt(run)
    assert desk.jobs.current is not None and desk.jobs.current.detached and not desk.jobs.busy
    waiting = desk.jobs.start(counting("second", steps=2))
    assert [job.run for job in desk.jobs.waiting] == [waiting]
    desk.jobs.pause()
    wait_for(desk, qtbot, RunState.PAUSED)
    desk.jobs.stop()
    with qtbot.waitSignal(desk.jobs.ended, timeout=10_000):
        process.communicate(timeout=10)
    qtbot.waitUntil(lambda: waiting.status().state is RunState.DONE, timeout=10_000)


def test_two_processes_never_work_on_one_run(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    run = RecipeRun.create(desk.workspace, counting(steps=3000, seconds_a_step=0.01))
    process = work_elsewhere(run)
    with qtbot.waitSignal(desk.bus.error) as told:
        desk.jobs.resume(run)
    assert "already running" in told.args[0].what
    Control(run.control_folder).stop()
    process.kill()
    process.communicate()
