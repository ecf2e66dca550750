"""One line about a run, whatever became of it and however long it was."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.canned import build
from app.jobs.desk import Desk
from app.jobs.run_summary import RunSummary, began_words, duration_words, read_summary, size_words
from engine.control import Control
from engine.events import Event, Resumed, RunState, StepMetrics, Validation, encode
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

Counting = Callable[..., Recipe]


def metrics(step: int, loss: float) -> StepMetrics:
    return StepMetrics(
        step=step, tokens=step, loss=loss, learning_rate=0.1, grad_norm=1.0, clipped=False, tokens_per_second=1.0
    )


def write(run: RecipeRun, events: list[Event], state: RunState, step: int) -> RunFolder:
    folder = run.stage_folder(0)
    folder.path.mkdir(exist_ok=True)
    folder.events_path.write_text("".join(encode(event) + "\n" for event in events))
    folder.write_status(state, step, 372.4)
    return folder


@pytest.fixture
def run(workspace: Workspace, counting: Counting) -> RecipeRun:
    return RecipeRun.create(workspace, counting("first-words"))


def summary(run: RecipeRun) -> RunSummary:
    return read_summary(run.workspace, run.folder)


def test_the_canned_week_reads_as_the_mockup_tells_it(tmp_path: Path) -> None:
    workspace = build(tmp_path, "running").workspace
    told = {s.name: s for s in reversed([read_summary(workspace, folder) for folder in workspace.run_folders()])}
    assert told["first-words"].state is RunState.RUNNING and told["first-words"].is_live
    assert told["shakespeare"].ended_words.startswith("Done in 6:")
    assert told["docs-12m"].ended_words.startswith("Stopped at step 1,842")
    assert told["tiny-gqa"].ended_words == "Died at step 512, can be resumed"
    assert math.isnan(told["first-words, lr × 10"].result or 0.0)
    assert all(2 <= len(s.loss_points) <= 64 for s in told.values())


def test_a_finished_run_shows_its_loss_on_held_out_text(run: RecipeRun) -> None:
    check = Validation(step=100, tokens=100, loss=1.23, bits_per_byte=1.0, train_loss=1.1)
    write(run, [metrics(step, 5.0 / step) for step in range(1, 101)] + [check], RunState.DONE, 100)
    found = summary(run)
    assert found.result == 1.23 and "held-out" in found.result_words
    assert found.ended_words == "Done in 6:12" and not found.can_resume
    assert found.loss_points[0] == 5.0 and found.loss_points[-1] == 0.05


def test_a_run_at_work_shows_the_mean_of_its_last_steps(run: RecipeRun) -> None:
    write(run, [metrics(step, 2.0) for step in range(1, 21)] + [metrics(21, 4.0)], RunState.RUNNING, 21)
    found = summary(run)
    assert found.result == pytest.approx((9 * 2.0 + 4.0) / 10) and found.ended_words == "step 21"


def test_what_a_resumption_made_void_is_not_in_the_curve(run: RecipeRun) -> None:
    first = [metrics(step, 9.0) for step in range(1, 201)]
    again = [Resumed(step=100), *[metrics(step, 1.0) for step in range(101, 151)]]
    write(run, [*first, *again], RunState.STOPPED, 150)
    points = summary(run).loss_points
    assert points[-1] == 1.0 and points[0] == 9.0
    assert list(points) == sorted(points, reverse=True)


def test_a_run_of_a_million_steps_is_read_in_a_moment(run: RecipeRun) -> None:
    line = encode(metrics(1, 1.0)) + "\n"
    folder = write(run, [], RunState.STOPPED, 400_000)
    folder.events_path.write_text(line * 400_000)
    began = time.perf_counter()
    assert summary(run).bytes > 50_000_000
    assert time.perf_counter() - began < 0.5


def test_a_damaged_folder_is_summed_up_as_that(run: RecipeRun) -> None:
    (run.folder / "recipe.json").write_text("{")
    found = summary(run)
    assert found.state is None and found.ended_words.startswith("Cannot be read:")


def test_a_run_that_never_began_and_one_between_two_stages(workspace: Workspace, toy_stages: None) -> None:
    from engine.launch.recipe import recipe_from_json

    stages = {"counting": {"steps": 2}, "world": {"people": 20}}
    run = RecipeRun.create(workspace, recipe_from_json({"name": "two", "description": "", "stages": stages}))
    assert summary(run).ended_words == "Not begun"
    stream = run.work(Control(run.control_folder))
    while run.stage_folder(0).status().state is not RunState.DONE:
        next(stream)
    stream.close()
    assert summary(run).ended_words == "Stopped before World" and summary(run).can_resume


def test_words() -> None:
    assert [duration_words(s) for s in (0, 9.4, 372, 3849)] == ["0:00", "0:09", "6:12", "1:04:09"]
    assert [size_words(n) for n in (12, 61_000, 6_100_000, 1.3e9)] == ["12 bytes", "61 kB", "6.1 MB", "1.3 GB"]
    now = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    moments = [
        datetime(2026, 11, 21, 9, 14),
        datetime(2026, 11, 20, 21, 40),
        datetime(2026, 11, 18),
        datetime(2025, 1, 2),
    ]
    words = [began_words(moment.replace(tzinfo=UTC), now) for moment in moments]
    assert words == ["today 09:14", "yesterday 21:40", "Wed 18 Nov", "2 Jan 2025"]


def test_the_list_reads_only_what_changed_and_tells_it(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    qtbot.waitUntil(lambda: desk.runs.loaded)
    assert desk.runs.summaries == []
    with qtbot.waitSignal(desk.jobs.ended):
        desk.jobs.start(counting("one", steps=3))
    qtbot.waitUntil(lambda: [s.state for s in desk.runs.summaries] == [RunState.DONE])
    first = desk.runs.summaries[0]
    with qtbot.waitSignal(desk.jobs.ended):
        desk.jobs.start(counting("two", steps=3))
    qtbot.waitUntil(lambda: [s.state for s in desk.runs.summaries] == [RunState.DONE] * 2)
    assert any(s is first for s in desk.runs.summaries)


def test_a_run_that_is_deleted_while_the_list_is_read_is_left_out(
    desk: Desk, qtbot: QtBot, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = RecipeRun.create(desk.workspace, counting("gone")).folder
    there = RecipeRun.create(desk.workspace, counting("there")).folder
    shutil.rmtree(gone)
    monkeypatch.setattr(Workspace, "run_folders", lambda self: [gone, there])
    desk.runs.refresh()
    qtbot.waitUntil(lambda: [summary.name for summary in desk.runs.summaries] == ["there"])

    def vanishing(self: Workspace) -> list[Path]:
        raise FileNotFoundError(gone)

    monkeypatch.setattr(Workspace, "run_folders", vanishing)
    desk.runs.refresh()
    qtbot.wait(50)
    monkeypatch.undo()
    shutil.rmtree(there)
    desk.runs.refresh()
    qtbot.waitUntil(lambda: desk.runs.summaries == [])


def test_a_fine_tuning_is_summed_up_by_what_it_answers(tmp_path: Path) -> None:
    told = build(tmp_path, "done", "first-assistant")
    assert told.folder is not None
    found = read_summary(told.workspace, told.folder)
    assert found.is_tuning and found.page == "finetune"
    assert (found.exact, found.best_step) == (0.978, 676)
    assert found.result is not None and found.result < 0.3
    assert found.result_words == "loss on held-out conversations, nats per token"
    assert found.planned.stage == "Fine-tune"
    assert found.planned.method_words == "all weights"
    assert "first-words" in found.planned.base
    assert found.planned.conversations == 5_609
