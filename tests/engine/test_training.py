"""The loop on toy data: what must be equal is equal to the last bit, what goes wrong is told."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.control import Control
from engine.errors import CutawayError
from engine.events import ControlApplied, Event, HealthAlarm, StepMetrics, Tick, Validation
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.stages.pretrain import Config, plan
from engine.training.evaluate import HeldOut
from engine.training.loop import Trainer
from engine.training.optimizers import build_adamw, optimizer_tensors, restore_optimizer
from engine.training.plan import Plan, make_plan
from engine.training.precision import Precision
from engine.training.schedule import learning_rate

TINY = {"depth": 2, "d_model": 16, "n_head": 2, "context_length": 8, "batch_tokens": 48, "steps": 12, "micro_rows": 2}
TOKENS = (np.arange(3000) * 7 % 40).astype(np.uint16)  # what comes next can be learned


def tiny_plan(**more: object) -> Plan:
    return plan(Config(**{**TINY, "evaluate_every": 5, "sample_every": 5, "checkpoint_every": 5, **more}), 40)


def trainer(control: Control | None = None, precision: str = "float32", **more: object) -> Trainer:
    chosen = tiny_plan(**more)
    torch.manual_seed(1)
    model = Transformer(chosen.model)
    length = chosen.model.context_length
    looks = list(validation_batches(TOKENS, length, 4, 2))
    work = Trainer(
        model,
        build_adamw(model, chosen.training),
        chosen.training,
        PackedBatches(TOKENS, length, chosen.training.batch_rows, 1),
        Precision("cpu", precision),
        control or Control(),
        1,
        evaluate=lambda: HeldOut(looks, looks, 0.5).measure(work),
        sample=nothing,
        save=nothing,
    )
    return work


def nothing() -> Iterator[Event]:
    yield Tick()


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepMetrics)]


def test_a_run_learns_and_tells_every_step() -> None:
    work = trainer(steps=60, learning_rate=0.02)
    events = list(work.run())
    told = [event for event in events if isinstance(event, StepMetrics)]
    assert [event.step for event in told] == list(range(1, 61))
    assert told[-1].loss < told[0].loss - 0.05
    assert told[-1].tokens == 60 * 48
    assert any(event.update_ratio > 0 for event in told)
    looks = [event for event in events if isinstance(event, Validation)]
    assert looks and looks[-1].bits_per_byte == pytest.approx(looks[-1].loss / math.log(2) * 0.5)


@pytest.mark.parametrize(("precision", "dropout"), [("float32", 0.0), ("float32", 0.2), ("bfloat16", 0.2)])
def test_a_run_that_was_stopped_anywhere_goes_on_bit_for_bit(precision: str, dropout: float) -> None:
    whole = losses(list(trainer(precision=precision, dropout=dropout).run()))
    for stop_after in (1, 7, 14, 25):  # ticks: some fall between the micro-batches of one step
        control = Control()
        first = trainer(control, precision, dropout=dropout)
        before: list[Event] = []
        ticks = 0
        for event in first.run():
            before.append(event)
            ticks += isinstance(event, Tick)
            if ticks == stop_after:
                control.stop()
        second = trainer(precision=precision, dropout=dropout)
        for name, tensor in weights(second.model).items():
            tensor.copy_(weights(first.model)[name])
        restore_optimizer(second.model, second.optimizer, optimizer_tensors(first.model, first.optimizer))
        second.step = first.step
        assert losses(before) + losses(list(second.run())) == whole


def test_split_micro_batches_equal_one_batch() -> None:
    split, one = trainer(micro_rows=1), trainer(micro_rows=6)
    assert losses(list(split.run())) == pytest.approx(losses(list(one.run())), abs=1e-5)
    for name, tensor in weights(split.model).items():
        torch.testing.assert_close(tensor, weights(one.model)[name], atol=1e-5, rtol=1e-4)


def test_adamw_equals_the_formula_in_float64() -> None:
    work = trainer(clip=1e9, weight_decay=0.1)
    config = work.config
    name, before = next((n, p.detach().double().clone()) for n, p in work.model.named_parameters() if p.ndim == 2)
    average, square = torch.zeros_like(before), torch.zeros_like(before)
    parameter = dict(work.model.named_parameters())[name]
    inner = work._update

    def watched(rate: float) -> float:
        nonlocal before, average, square
        gradient = parameter.grad.double()
        average = config.beta1 * average + (1 - config.beta1) * gradient
        square = config.beta2 * square + (1 - config.beta2) * gradient**2
        step = work.step + 1
        direction = (average / (1 - config.beta1**step)) / ((square / (1 - config.beta2**step)).sqrt() + 1e-8)
        before = before * (1 - rate * config.weight_decay) - rate * direction
        return inner(rate)

    work._update = watched  # type: ignore[method-assign]
    list(work.run())
    torch.testing.assert_close(parameter.detach().double(), before, atol=1e-5, rtol=1e-4)


def test_weight_decay_spares_norms_and_biases() -> None:
    work = trainer(bias=True)
    groups = {group["weight_decay"]: group["params"] for group in work.optimizer.param_groups}
    assert all(p.ndim == 2 for p in groups[0.1]) and all(p.ndim == 1 for p in groups[0.0])
    assert sum(len(group) for group in groups.values()) == len(list(work.model.parameters()))


def test_nan_pauses_with_a_cause_and_withholds_the_update() -> None:
    control = Control()
    work = trainer(control)
    events: list[Event] = []
    poison = work.model.blocks[0].mlp.down.register_forward_hook(lambda m, i, o: o * float("nan"))
    before = {name: tensor.clone() for name, tensor in weights(work.model).items()}
    for event in work.run():
        events.append(event)
        if isinstance(event, HealthAlarm):
            assert control.paused
            break
    assert isinstance(events[-1], HealthAlarm) and events[-1].cause == "nan" and "finite" in events[-1].why
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(work.model).items())
    poison.remove()
    control.resume()
    assert all(math.isfinite(loss) for loss in losses(list(work.run())))


def test_broken_weights_are_named() -> None:
    work = trainer()
    with torch.no_grad():
        work.model.blocks[1].mlp.up.weight[0, 0] = float("inf")
    alarm = next(event for event in work.run() if isinstance(event, HealthAlarm))
    assert "blocks.1.mlp.up.weight" in alarm.why


def test_exploding_gradients_are_told_before_they_are_nan() -> None:
    control = Control()
    work = trainer(control, steps=200, learning_rate=0.01)
    alarm = None
    for event in work.run():
        if isinstance(event, StepMetrics) and event.step == 100:
            with torch.no_grad():
                work.model.embedding.weight.mul_(200)
                work.model.blocks[0].mlp.down.weight.mul_(500)
        if isinstance(event, HealthAlarm):
            alarm = event
            break
    assert alarm is not None and alarm.cause == "exploding"


def test_the_learning_rate_can_be_turned_while_it_runs() -> None:
    control = Control()
    work = trainer(control)
    rates = []
    applied = []
    for event in work.run():
        if isinstance(event, StepMetrics):
            rates.append(event.learning_rate)
            if event.step == 6:
                control.scale_learning_rate(0.5)
        applied += [event.value] if isinstance(event, ControlApplied) else []
    planned = [learning_rate(work.config, step) for step in range(12)]
    assert rates == pytest.approx(planned[:6] + [rate / 2 for rate in planned[6:]])
    assert applied == [0.5]


def test_a_disk_that_is_full_pauses_and_is_tried_again() -> None:
    control = Control()
    work = trainer(control)
    attempts = []

    def save() -> Iterator[Event]:
        attempts.append(work.step)
        if len(attempts) == 1:
            raise CutawayError("No space.", "The disk is full.", "Free some space.")
        yield Tick()

    work.save = save
    for event in work.run():
        if isinstance(event, HealthAlarm):
            assert event.cause == "disk" and control.paused
            control.resume()
    assert attempts == [5, 5, 10]


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_schedules_rise_stay_and_fall(schedule: str) -> None:
    config = tiny_plan(steps=100, warmup_steps=10, schedule=schedule, learning_rate=1.0).training
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates[9] == pytest.approx(1.0) and rates[100] == pytest.approx(0.1)
    if schedule == "cosine":
        assert rates[55] == pytest.approx(0.1 + 0.9 * 0.5)  # half-way down the cosine
    else:
        assert rates[79] == pytest.approx(1.0) and rates[90] == pytest.approx(0.1 + 0.9 * 0.5)


def test_one_dial_gives_gpt2_small() -> None:
    chosen = make_plan(Config(depth=12).model_dump(), {"depth"}, 50_257)
    assert (chosen.model.n_layer, chosen.model.d_model, chosen.model.n_head) == (12, 768, 12)
    assert chosen.training.learning_rate == pytest.approx(6e-4)
    assert chosen.batch_tokens == 524_288
    assert chosen.origins["d_model"] == "derived" and chosen.origins["weight_decay"] == "default"
    assert 115e6 < chosen.model.parameters() < 130e6


def test_values_set_by_hand_are_kept_and_contradictions_refused() -> None:
    chosen = tiny_plan()
    assert chosen.model.d_model == 16 and chosen.origins["d_model"] == "preset"
    with pytest.raises(CutawayError, match="cannot be divided"):
        tiny_plan(n_head=3)
