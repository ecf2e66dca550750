"""What the Fine-tune page knows of a run: the same live and from history, and after it went back to a checkpoint."""

from __future__ import annotations

import math

import pytest

from app.pages.finetune import run_inspections as inspections
from app.pages.finetune.run_readouts import percent
from app.pages.finetune.tuning_run import TuningRun
from app.widgets.formula import lay_out
from app.widgets.metric_chart_link import MarkKind
from engine.events import (
    Answered,
    ArtifactReady,
    Event,
    HealthAlarm,
    LabelsJudged,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TuningCheck,
    WeightsMoved,
)

NUMBERS = {0: 4.0, 10: 1.0, 20: 0.5, 30: 0.6}


def step(at: int) -> StepMetrics:
    return StepMetrics(
        step=at, seconds=at * 0.3, tokens=at * 2048, loss=4 / at, learning_rate=3e-4, grad_norm=1, clipped=False,
        tokens_per_second=6000,
    )  # fmt: skip


def look(at: int) -> list[Event]:
    told = {"step": at, "seconds": at * 0.3}
    return [
        Answered(**told, number=0, question="Who?", expected="Mira.", base="Who", answer=f"{at}", right=at > 10,
                 stopped=at > 0),
        WeightsMoved(**told, parts=("embedding", "blocks.0.mlp.up"), moved=(0.01 * at, 0.02 * at)),
        TuningCheck(**told, tokens=at * 2048, loss=NUMBERS[at], token_accuracy=0.5, entropy=1, first_token=0.2,
                    asked=40, exact=at / 40, stopped=1.0, pretraining_loss=0.5 + at / 100, best=at in (0, 10, 20)),
    ]  # fmt: skip


def story(last: int = 30) -> list[Event]:
    found: list[Event] = [StateChanged(state="running"), *look(0)]
    for at in range(1, last + 1):
        found.append(step(at))
        if at % 10 == 0:
            found += look(at)
    return found


@pytest.fixture
def run() -> TuningRun:
    run = TuningRun()
    run.plan = {"training": {"steps": 60}, "model": {}, "estimate": {"seconds": 20.0}, "tokens": 60 * 2048}
    return run


def test_events_become_series_looks_and_answers(run: TuningRun) -> None:
    run.take(story())
    assert (run.step, run.steps, run.share) == (30, 60, 0.5)
    assert run.looks == [0, 10, 20, 30]
    assert list(run.held_out.values) == [4.0, 1.0, 0.5, 0.6]
    assert run.answers[20][0].answer == "20"
    assert run.moved[30].moved[1] == pytest.approx(0.6)
    assert run.forgotten == pytest.approx(0.3)


def test_live_and_history_are_the_same(run: TuningRun) -> None:
    events = story()
    other = TuningRun()
    for event in events:
        other.take([event])
    run.take(events)
    assert (other.checks, other.answers, other.moved) == (run.checks, run.answers, run.moved)
    assert list(other.loss.smoothed()) == list(run.loss.smoothed())


def test_best_look_and_early_end_are_marked(run: TuningRun) -> None:
    run.take([*story(), StateChanged(step=30, state="done")])
    assert run.best is not None and run.best.step == 20
    assert run.stopped_early
    assert [(mark.step, mark.kind) for mark in run.marks] == [(20, MarkKind.BEST), (30, MarkKind.HAND)]


def test_a_run_that_reached_its_last_step_did_not_end_early(run: TuningRun) -> None:
    run.plan["training"]["steps"] = 30  # type: ignore[index]
    run.take([*story(), StateChanged(step=30, state="done")])
    assert not run.stopped_early
    assert run.seconds_left == 0


def test_going_back_forgets_what_came_after(run: TuningRun) -> None:
    run.take([*story(), LabelsJudged(step=30, labels=("a", "b"), confusion=(1, 0, 0, 1), accuracy=1.0,
              expected_calibration_error=0, brier=0, bin_confidence=(), bin_accuracy=(), bin_counts=())])  # fmt: skip
    run.take([Resumed(step=15), step(16)])
    assert run.looks == [0, 10]
    assert (list(run.answers), list(run.moved), run.labels) == ([0, 10], [0, 10], {})
    assert run.step == 16


def test_the_last_figures_are_of_the_best_model(run: TuningRun) -> None:
    figures: dict[str, float | int | str] = {"exact": 0.91, "stopped": 0.995, "asked": 2000, "best_step": 20}
    run.take([*story(), ArtifactReady(step=30, kind="model", folder="f", reused=False, figures=figures)])
    rows = dict(row[:2] for row in inspections.exact_answers(run).rows)
    assert rows["at the end, of 2,000"] == "91.0%"


def test_nothing_asked_and_no_text_is_a_dash_and_no_curve(run: TuningRun) -> None:
    run.take([TuningCheck(step=0, tokens=0, loss=4, token_accuracy=0, entropy=1, first_token=0, asked=0, exact=math.nan,
                          stopped=math.nan, pretraining_loss=math.nan, best=True)])  # fmt: skip
    assert len(run.exact) == len(run.pretraining) == 0
    assert percent(run.exact.last) == "–"
    assert math.isnan(run.forgotten)


def test_another_run_begins_with_nothing(run: TuningRun) -> None:
    alarm = HealthAlarm(step=30, cause="nan", what="NaN.", why="?", remedy="!")
    run.take([*story(), alarm])
    assert run.trouble == alarm
    run.clear()
    assert (run.looks, run.step, run.trouble, run.state) == ([], 0, None, RunState.WAITING)


@pytest.mark.parametrize("told", [False, True])
def test_everything_can_be_inspected_at_any_time(run: TuningRun, told: bool, qapp: object) -> None:
    if told:
        run.settings = {"patience": 3, "pretraining_share": 0.1}
        run.take(story())
    for words in (
        inspections.loss,
        inspections.held_out,
        inspections.exact_answers,
        inspections.stopped,
        inspections.first_token,
        inspections.pretraining,
        inspections.speed,
    ):
        for at in (None, 12.0):
            said = words(run, at)
            assert said.title and said.words
            for line in said.formula.split("\n"):
                lay_out(line)
    assert inspections.time_left(run).rows


def test_shares_near_the_ends_show_a_tenth() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.5, 0.93, 0.996, 1.0)] == [
        "0%", "0.4%", "50%", "93%", "99.6%", "100%",
    ]  # fmt: skip
