"""The page's knowledge of a run: live and late, rewound, failed; and the gaps of other runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.pages.train import inspections
from app.pages.train.gap_history import comparable_gaps, last_validation
from app.pages.train.gap_words import gap_words
from app.pages.train.run_model import TrainRun
from app.pages.train.start_plan import look_ahead, wants_text
from app.widgets.banner_trouble import Remedies, banner_words
from app.widgets.effective_values import effective_values, value_words
from app.widgets.formula import lay_out
from app.widgets.metric_chart_link import MarkKind
from engine.errors import CutawayError
from engine.events import (
    CheckpointSaved,
    Compiled,
    Compiling,
    ControlApplied,
    Event,
    Failed,
    HealthAlarm,
    MemoryRanOut,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Validation,
    encode,
)
from engine.launch.recipe import load_recipe, recipe_from_json
from engine.stages import pretrain
from engine.store.workspace import Workspace


def step(number: int, loss: float = math.nan, seconds: float = 0.0) -> StepMetrics:
    return StepMetrics(
        step=number,
        seconds=seconds or number * 0.3,
        tokens=number * 512,
        loss=3.0 / number if math.isnan(loss) else loss,
        learning_rate=1e-3,
        grad_norm=0.5,
        clipped=number % 4 == 0,
        tokens_per_second=1700.0,
        memory_bytes=10**9,
    )


def look(number: int, gap: float = 0.1) -> Validation:
    return Validation(
        step=number, seconds=number * 0.3, tokens=number * 512, loss=1.0 + gap, bits_per_byte=0.5, train_loss=1.0
    )


def story(steps: int = 60) -> list[Event]:
    events: list[Event] = [StateChanged(state="running")]
    for number in range(1, steps + 1):
        events.append(step(number))
        if number % 20 == 0:
            events.append(look(number))
            events.append(TextSample(step=number, prompt="Mira", text=f" {number}", seed=7, temperature=0.7))
            events.append(CheckpointSaved(step=number, folder=f"step-{number:06d}", bytes=10, duration=0.1))
        if number == 30:
            events.append(ControlApplied(step=30, name="learning_rate_scale", value=0.8))
    return events


def plan(**settings: Any) -> dict[str, Any]:
    made = pretrain.plan(pretrain.Config(depth=2, steps=100, **settings), 257)
    return {
        "model": made.model.model_dump(),
        "training": made.training.model_dump(),
        "origins": made.origins,
        "tokens": made.tokens,
        "batch_tokens": made.batch_tokens,
        "train_tokens": 20_000,
        "peak_flops": 1e11,
        "estimate": asdict(made.expected(4e10)),
    }


def told(events: Sequence[Event], batch: int) -> TrainRun:
    run = TrainRun()
    run.plan = plan()
    for begin in range(0, len(events), batch):
        run.take(events[begin : begin + batch])
    return run


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_live_and_late_come_to_the_same(batch: int) -> None:
    live, late = told(story(), batch), told(story(), 10_000)
    for mine, other in zip(live._all_series(), late._all_series(), strict=True):
        np.testing.assert_array_equal(mine.values, other.values)
    assert live.marks == late.marks
    assert live.samples == late.samples
    assert live.state is RunState.RUNNING
    assert live.seconds_left == pytest.approx(late.seconds_left)


def test_the_numbers_add_up() -> None:
    run = told(story(), 5)
    assert (run.step, run.tokens, run.steps, run.scale) == (60, 60 * 512, 100, 0.8)
    assert run.seconds_left == pytest.approx(40 * 0.3)
    assert run.epochs == pytest.approx(60 * 512 / 20_000)
    assert run.clipped_share == pytest.approx(0.25)
    assert run.gap.last == pytest.approx(0.1)
    assert run.recent_speed == pytest.approx(512 / 0.3)
    assert 0 < run.peak_share < 1
    assert run.next_sample_step > 60
    assert run.marks[0].text == "lr × 0.8, by hand"


def test_a_pause_does_not_slow_the_pace() -> None:
    run = told([*story(30), StateChanged(step=30, state="paused"), StateChanged(step=30, state="running")], 100)
    run.take([step(31, seconds=500.0), step(32, seconds=500.3), step(33, seconds=500.6)])
    assert run.seconds_per_step == pytest.approx(0.3)


def test_a_resumed_run_forgets_what_is_void() -> None:
    strayed = told(story(60), 7)
    strayed.take([Resumed(step=40), *(step(n, loss=0.5) for n in range(41, 50))])
    straight = told([*story(40), *(step(n, loss=0.5) for n in range(41, 50))], 7)
    np.testing.assert_array_equal(strayed.loss.values, straight.loss.values)
    np.testing.assert_array_equal(strayed.gap.values, straight.gap.values)
    assert strayed.samples == straight.samples
    assert [c.step for c in strayed.checkpoints] == [20, 40]


def test_another_run_begins_from_nothing() -> None:
    run = told(story(), 7)
    run.clear()
    assert (run.step, run.tokens, run.seconds, run.scale, run.state) == (0, 0, 0.0, 1.0, RunState.WAITING)
    assert run.marks == ()
    assert math.isnan(run.seconds_left)
    assert math.isnan(run.gap.last)


def test_a_lack_of_memory_is_noted_and_marked_but_no_trouble() -> None:
    halved = MemoryRanOut(step=42, rows=4, passes=8)
    run = told([*story(), halved], 9)
    assert run.trouble is None and "4 rows at a time" in run.notice and "8 passes" in run.notice
    assert [(mark.step, mark.text, mark.kind) for mark in run.marks][-1] == (42, "memory ran out", MarkKind.HAND)
    run.take([MemoryRanOut(step=50, rows=2, passes=16)])
    assert "2 rows at a time" in run.notice
    run.take([Resumed(step=45)])  # goes on as the checkpoint knows it
    assert "4 rows at a time" in run.notice
    run.take([Resumed(step=40)])
    assert run.notice == "" and all(mark.text != "memory ran out" for mark in run.marks)


def test_compiling_is_told_while_it_lasts_and_its_time_is_kept() -> None:
    run = TrainRun()
    run.take([Notice(text="2 CPU threads, bfloat16"), Compiling()])
    assert "being compiled" in run.notice
    run.take([Compiled(duration=41.0)])
    assert run.notice == "" and run.compile_seconds == 41.0
    run.take([Resumed(step=20), Compiling(), StateChanged(state="failed")])
    assert run.notice == ""


def test_warnings_are_noted() -> None:
    run = told([*story(), Notice(text="step-000040 is damaged.", level="warning")], 9)
    assert run.notice == "step-000040 is damaged."


ALARM = HealthAlarm(step=60, cause="nan", what="The loss became NaN.", why="Too large a step.", remedy="Resume.")


def remedies(calls: list[tuple[str, float]], *, can_go_on: bool = False, can_resume: bool = False) -> Remedies:
    return Remedies(
        lambda factor: calls.append(("go on", factor)),
        lambda factor: calls.append(("resume", factor)),
        can_go_on,
        can_resume,
    )


def test_an_alarm_offers_to_lower_the_learning_rate() -> None:
    run = told([*story(), ALARM, StateChanged(step=60, state="paused")], 9)
    calls: list[tuple[str, float]] = []
    words = banner_words(run, remedies(calls, can_go_on=True), "")
    assert words is not None
    assert words.kind == "danger"
    assert words.what == "The loss became NaN."
    assert [action.text for action in words.actions] == ["Halve the learning rate and go on", "Go on"]
    for action in words.actions:
        action.do()
    assert calls == [("go on", 0.5), ("go on", 1.0)]
    assert run.marks[-1].kind is MarkKind.ALARM
    run.take([StateChanged(step=60, state="running")])
    assert banner_words(run, remedies(calls), "") is None


def test_a_failure_offers_to_resume_and_carries_its_details() -> None:
    failed = Failed(step=60, what="It broke.", why="A bug.", remedy="Try again.", details="Traceback")
    run = told([*story(), failed, StateChanged(step=60, state="failed")], 9)
    calls: list[tuple[str, float]] = []
    words = banner_words(run, remedies(calls, can_resume=True), "")
    assert words is not None
    assert words.details == "Traceback"
    assert words.actions[-1].text == "Resume from step 60"
    words.actions[0].do()
    assert calls == [("resume", 0.5)]


def test_a_run_that_died_and_one_that_waits_are_explained() -> None:
    run = told(story(), 9)
    run.state = RunState.DIED
    words = banner_words(run, remedies([], can_resume=True), "")
    assert words is not None
    assert "ended at step 60" in words.what
    assert "step 60 is intact" in words.why
    words = banner_words(TrainRun(), remedies([]), "Tokenizer")
    assert words is not None
    assert words.what == "Training begins after Tokenizer."


def test_everything_can_be_inspected_at_any_time() -> None:
    empty, full = TrainRun(), told([*story(), step(61, loss=math.inf)], 9)
    full.plan = plan()
    full.plan.update(device="2 CPU threads", precision="float32")
    for run in (empty, full):
        for words in (inspections.loss, inspections.gap, inspections.learning_rate, inspections.grad_norm):
            for at in (None, 30.0):
                shown = words(run, at)
                assert shown.words
                assert lay_out(shown.formula)
        for plain in (inspections.bits_per_byte, inspections.tokens, inspections.time_left, inspections.speed):
            assert lay_out(plain(run).formula)
    assert ("loss of this batch", "0.1000", "accent") in inspections.loss(full, 30.0).rows


def test_values_say_where_they_come_from() -> None:
    recipe = recipe_from_json(
        {"name": "shakespeare", "description": "", "stages": {"pretrain": {"depth": 4, "steps": 7, "dropout": 0.2}}}
    )
    config = recipe.stages[0].config
    assert isinstance(config, pretrain.Config)
    made = pretrain.plan(config, 65)
    facts = {"model": made.model.model_dump(), "training": made.training.model_dump(), "origins": made.origins}
    origins = {name: origin for name, _, origin in effective_values(facts, recipe, "pretrain")}
    assert origins["steps"] == "yours"
    assert origins["dropout"] == "yours"
    assert origins["d_ff"] == "derived"
    assert origins["weight_decay"] == "default"
    assert [value_words(v) for v in (True, 4096, 0.0024, "rope")] == ["yes", "4,096", "0.0024", "rope"]


def write_run(workspace: Workspace, name: str, facts: dict[str, Any], events: Sequence[Event]) -> Path:
    folder = workspace.runs / name
    stage = folder / "4-pretrain"
    stage.mkdir(parents=True)
    (folder / "recipe.json").write_text("{}")
    (stage / "plan.json").write_text(json.dumps(facts))
    (stage / "events.jsonl").write_text("".join(encode(event) + "\n" for event in events))
    return folder


def test_only_runs_that_differ_in_the_dials_are_compared(workspace: Workspace) -> None:
    mine = write_run(workspace, "mine", plan(), [look(100)])
    write_run(workspace, "dropped", plan(dropout=0.2), [look(50, 0.3), look(100, 0.04)])
    write_run(workspace, "half", plan(dropout=0.3), [look(50, 0.3)])
    write_run(workspace, "wide", plan(d_model=256), [look(100, 0.9)])
    write_run(workspace, "torn", plan(dropout=0.4), [])
    (workspace.runs / "torn" / "4-pretrain" / "plan.json").write_text("{")
    found = comparable_gaps(workspace, plan(), mine)
    assert [(past.name, past.dropout, round(past.gap, 3)) for past in found] == [("dropped", 0.2, 0.04)]


def test_a_gap_is_said_as_it_is_at_that_point_of_the_run() -> None:
    said = [
        gap_words(*at)
        for at in (
            (math.nan, 0.0, 0.0),
            (0.01, 0.1, 0.2),
            (-0.015, 1.0, 1.2),  # what a first run ends with
            (-0.08, 1.0, 1.2),
            (0.045, 0.1, 0.2),
            (0.1, 0.9, 3.0),
            (0.4, 0.9, 9.0),
        )
    ]
    starts = ("Told", "As good", "It does as well", "No sign", "It has read nothing twice", "It begins", "It learns")
    assert [words.startswith(start) for words, start in zip(said, starts, strict=True)] == [True] * len(said)


def test_a_void_validation_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = [look(20), look(40), Resumed(step=30)]
    path.write_text("".join(encode(event) + "\n" for event in events) + '{"event": "Validation", "torn')
    assert last_validation(path) is None
    path.write_text(encode(look(40)) + "\n" + encode(Resumed(step=40)) + "\n")
    found = last_validation(path)
    assert found is not None
    assert found.step == 40


def test_the_outlook_before_start(workspace: Workspace, tmp_path: Path) -> None:
    outlook = look_ahead(workspace, "shakespeare", {"steps": 50, "dropout": 0.1})
    values = outlook.values()
    assert (values["steps"], values["dropout"], values["d_model"]) == (50, 0.1, 128)
    assert values["batch_tokens"] > 0
    assert "memory" in outlook.words()
    assert not outlook.measured
    assert wants_text(outlook.recipe)
    text = tmp_path / "text.txt"
    text.write_text("words")
    chosen = look_ahead(workspace, "shakespeare", {}, (text,)).recipe
    assert not wants_text(chosen)
    assert not wants_text(recipe_from_json({"name": "x", "description": "", "stages": {"pretrain": {}}}))
    with pytest.raises(CutawayError):
        look_ahead(workspace, "shakespeare", {"n_head": 7})
    with pytest.raises(CutawayError):
        look_ahead(workspace, "shakespeare", {"steps": -1})
    assert load_recipe("shakespeare").name == "shakespeare"
