"""What training does on a GPU, as far as a CPU can tell: numbers read late, updates withheld, batches prepared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.batches.packed import PackedBatches
from engine.control import Control
from engine.events import Event, HealthAlarm, StepMetrics, Validation
from engine.model.sizing import activation_bytes
from engine.stages.pretrain import Config, plan
from engine.training.feed import Feed
from engine.training.loop import Trainer
from engine.training.plan import TrainingConfig, make_plan
from engine.training.schedule import learning_rate
from tests.toy_training import NEVER, TOKENS, TOY, toy_trainer


def trainer(control: Control | None = None, late: bool = False, **settings: object) -> Trainer:
    work = toy_trainer(control, **{"evaluate_every": 5, "sample_every": 7, "checkpoint_every": 3, **settings})
    work.late = late
    return work


def told(events: list[Event]) -> list[tuple[object, ...]]:
    """Everything but what the clock and the machine decide."""
    steps = [e for e in events if isinstance(e, StepMetrics)]
    return [(e.step, e.tokens, e.loss, e.learning_rate, e.grad_norm, e.clipped, e.update_ratio) for e in steps]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_read_late_every_number_is_the_same(optimizer: str) -> None:
    at_once, late = trainer(optimizer=optimizer), trainer(late=True, optimizer=optimizer)
    expected, events = list(at_once.run()), list(late.run())
    assert told(events) == told(expected)
    pairs = zip(late.model.parameters(), at_once.model.parameters(), strict=True)
    assert all(torch.equal(own, other) for own, other in pairs)
    looks = [(e.step, e.loss) for e in events if isinstance(e, Validation)]
    assert looks == [(e.step, e.loss) for e in expected if isinstance(e, Validation)]


def test_numbers_are_told_one_step_late_but_before_what_follows_from_them() -> None:
    work = trainer(late=True, **{**NEVER, "evaluate_every": 5})
    seen = [(type(e).__name__, e.step, work.step) for e in work.run() if isinstance(e, StepMetrics | Validation)]
    assert seen[:6] == [
        ("StepMetrics", 1, 2),
        ("StepMetrics", 2, 3),
        ("StepMetrics", 3, 4),
        ("StepMetrics", 4, 5),
        ("StepMetrics", 5, 5),
        ("Validation", 5, 5),
    ]
    assert seen[-2:] == [("StepMetrics", 12, 12), ("Validation", 12, 12)]


def test_a_stop_tells_the_last_step_too() -> None:
    control = Control()
    work = trainer(control, late=True, **NEVER)
    events = []
    for event in work.run():
        events.append(event)
        if isinstance(event, StepMetrics) and event.step == 4:
            control.stop()
    assert [e.step for e in events if isinstance(e, StepMetrics)] == list(range(1, work.step + 1))


def test_what_is_not_finite_is_withheld_before_it_is_read() -> None:
    control = Control()
    work = trainer(control, late=True)
    before = [p.detach().clone() for p in work.model.parameters()]
    poison = work.model.blocks[0].mlp.down.register_forward_hook(lambda m, i, o: o * float("nan"))
    alarm = next(event for event in work.run() if isinstance(event, HealthAlarm))
    assert alarm.cause == "nan" and "All weights are finite" in alarm.why and control.paused
    assert all(torch.equal(p, old) for p, old in zip(work.model.parameters(), before, strict=True))
    poison.remove()
    control.resume()
    rest = [event for event in work.run() if isinstance(event, StepMetrics)]
    assert all(np.isfinite(event.loss) for event in rest[1:])


def test_on_a_cpu_a_batch_is_the_arrays_themselves() -> None:
    batches = PackedBatches(TOKENS, 8, 3, 1)
    feed = Feed(batches, torch.device("cpu"))
    feed.prepare(5)
    for index in (5, 2):
        inputs, targets = feed.take(index).tensors
        assert np.array_equal(inputs.numpy(), batches.batch(index)[0])
        assert np.array_equal(targets.numpy(), batches.batch(index)[1])


@pytest.mark.parametrize("schedule", ["cosine", "linear", "wsd", "constant"])
def test_every_schedule_rises_to_the_peak_and_ends_where_it_says(schedule: str) -> None:
    config = settled(steps=100, warmup_steps=10, schedule=schedule, learning_rate=1.0, final_learning_rate_share=0.2)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(1.0 if schedule == "constant" else 0.2)
    half = {"cosine": 0.6, "linear": 0.6, "wsd": 1.0, "constant": 1.0}[schedule]
    assert rates[55] == pytest.approx(half)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(rates[9:]))


def settled(**more: object) -> TrainingConfig:
    return plan(Config(**{**TOY, **more}), 40).training


def test_a_plan_of_before_muon_reads_as_adamw() -> None:
    old = settled().model_dump(exclude={"optimizer", "momentum", "compile"})
    assert TrainingConfig.model_validate(old).optimizer == "adamw"


def test_a_gpu_gets_as_many_rows_as_fit() -> None:
    gpt2 = make_plan(Config(depth=12).model_dump(), {"depth"}, 50_257)
    row = activation_bytes(gpt2.model, 1024) * 1024
    for free in (1e6, 20e9, 80e9, 10e12):
        roomy = gpt2.for_memory(free)
        rows = roomy.training.micro_rows
        assert rows == 1 or rows * row <= free / 2
        assert rows == 64 or 2 * rows * row > free / 2  # twice as many would not fit; 64 are 65,536 tokens
        assert roomy.batch_tokens == gpt2.batch_tokens and roomy.model == gpt2.model
