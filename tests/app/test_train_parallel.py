"""What the Train page says of several processes: the numbers of this run, and plainly where there are none."""

from __future__ import annotations

from app.pages.train.parallel import PARALLEL, parallel
from app.pages.train.run_model import TrainRun
from app.widgets.inspector_text import read_help
from engine.events import Event, ProcessesMeasured, Resumed, StepMetrics, decode, encode


def step(number: int) -> StepMetrics:
    return StepMetrics(
        step=number,
        seconds=number * 0.1,
        tokens=number * 96,
        loss=3.0,
        learning_rate=1e-3,
        grad_norm=1.0,
        clipped=False,
        tokens_per_second=1000.0,
    )


def told(plan: dict[str, object], *events: Event) -> TrainRun:
    run = TrainRun()
    training = {"batch_rows": 12, "micro_rows": 2, "steps": 100, "sample_every": 10}
    run.plan = {"training": training, "batch_tokens": 96, **plan}
    run.take(events)
    return run


def rows(run: TrainRun) -> dict[str, str]:
    return {row[0]: row[1] for row in parallel(run).rows}


def test_one_process_is_told_as_one() -> None:
    run = told({"processes": 1, "alone": None}, step(1), step(2))
    assert parallel(run).title == PARALLEL and parallel(run).subtitle == "this run has one process"
    assert rows(run)["synchronising"] == "nobody to wait for"
    assert parallel(run).table is None
    assert rows(run)["passes that could be shared"] == "6 a step"


def test_two_processes_show_what_each_measured_and_what_it_brought() -> None:
    first = ProcessesMeasured(step=1, tokens_per_second=(600.0, 800.0), waiting=(0.1, 0.3))
    second = ProcessesMeasured(step=2, tokens_per_second=(700.0, 800.0), waiting=(0.2, 0.3))
    run = told({"processes": 2, "alone": 1200.0}, step(1), first, step(2), second, step(3))
    shown = rows(run)
    table = parallel(run).table
    assert table is not None and table.rows == (("1", "650", "15.0%"), ("2", "800", "30.0%"))
    assert shown["one process before"] == "1,200 tokens/s"
    # 96 tokens in 0.1 s, beside 1,200 a second
    assert ("speed-up", "0.80 times", "warning") in parallel(run).rows


def test_what_was_not_measured_is_said_to_be_so() -> None:
    shown = rows(told({"processes": 2, "alone": None}, step(1), step(2)))
    assert shown["by process"] == "not measured yet" and shown["one process before"] == "not measured yet"


def test_measurements_of_steps_that_are_void_are_forgotten() -> None:
    measured = [ProcessesMeasured(step=n, tokens_per_second=(n, n), waiting=(0.0, 0.0)) for n in (5, 10)]
    assert [event.step for event in told({"processes": 2}, *measured, Resumed(step=7)).shared] == [5]


def test_the_event_survives_its_line_of_json() -> None:
    event = ProcessesMeasured(step=4, tokens_per_second=(1.5, 2.0), waiting=(0.25, 0.0))
    assert decode(encode(event)) == event


def test_the_help_text_has_its_three_parts() -> None:
    text = read_help("parallel")
    assert text is not None and text.title == PARALLEL and len(text.blocks) == 3
