"""A run that was stopped and resumed equals one that was left alone, bit for bit: every optimizer, every schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from engine.control import Control
from engine.events import MemoryRanOut, Resumed, StepMetrics, Tick
from engine.objectives.next_token import NextToken
from engine.pipeline.drive import drive
from engine.pipeline.stage import Context
from engine.stages import pretrain
from engine.store.checkpoint import list_checkpoints
from tests.toy_training import toy_context, toy_run

# Six rows in micro-batches of four: accumulated, and the last one is smaller.
TINY = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 96, "micro_rows": 4}
TINY |= {"steps": 9, "evaluate_every": 4, "sample_every": 5, "checkpoint_every": 4, "sample_tokens": 2}
TINY |= {"learning_rate": 0.01, "warmup_steps": 2}
OPTIMIZERS = get_args(pretrain.Config.model_fields["optimizer"].annotation)
SCHEDULES = get_args(pretrain.Config.model_fields["schedule"].annotation)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return toy_context(tmp_path_factory.mktemp("resume"))


def train(context: Context, stop_after_ticks: int | None = None, **changes: object) -> None:
    """stop_after_ticks: a step has two, so an odd number stops in the middle of one."""
    left = stop_after_ticks
    for event in drive(pretrain, pretrain.Config(**{**TINY, **changes}), context):
        if left is not None and isinstance(event, Tick):
            left -= 1
            if left == 0:
                context.control.stop()


def everything(context: Context) -> dict[str, bytes]:
    """The newest checkpoint: weights, the optimizer's state, random numbers."""
    newest: Path = list_checkpoints(context.run_folder.checkpoints)[-1]
    return {path.name: path.read_bytes() for path in newest.glob("*.safetensors")} | {"name": newest.name.encode()}


def losses(context: Context) -> dict[int, float]:
    return {event.step: event.loss for event in context.run_folder.all_events() if isinstance(event, StepMetrics)}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_and_resumed_equals_left_alone(toy: Context, optimizer: str, schedule: str, precision: str) -> None:
    chosen = {"optimizer": optimizer, "schedule": schedule, "precision": precision, "dropout": 0.2}
    name = "-".join((optimizer, schedule, precision))
    whole, broken = toy_run(toy, f"{name}-whole"), toy_run(toy, f"{name}-broken")
    train(whole, **chosen)
    for ticks in (5, 4, 3):
        train(replace(broken, control=Control()), stop_after_ticks=ticks, **chosen)
    train(replace(broken, control=Control()), **chosen)
    resumed = [event.step for event in broken.run_folder.all_events() if isinstance(event, Resumed)]
    assert len(resumed) == 3
    assert losses(broken) == losses(whole) and len(losses(whole)) == 9
    assert everything(broken) == everything(whole)


def test_smaller_passes_after_a_lack_of_memory_survive_a_resume(toy: Context) -> None:
    whole, broken = toy_run(toy, "memory-whole"), toy_run(toy, "memory-broken")
    with room_for(2):
        train(whole, dropout=0.2)
        train(broken, stop_after_ticks=12, dropout=0.2)
    train(replace(broken, control=Control()), dropout=0.2)  # there is room again; the run stays as it was
    for work in (whole, broken):
        halved = [event for event in work.run_folder.all_events() if isinstance(event, MemoryRanOut)]
        assert [(event.rows, event.passes) for event in halved] == [(2, 3)]
    assert any(isinstance(event, Resumed) for event in broken.run_folder.all_events())
    assert losses(broken) == losses(whole) and len(losses(whole)) == 9
    assert everything(broken) == everything(whole)


@contextmanager
def room_for(rows: int) -> Iterator[None]:
    def refuse(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, NextToken) and module.training and len(inputs[0]) > rows:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    hook = register_module_forward_pre_hook(refuse)
    try:
        yield
    finally:
        hook.remove()


def test_optimizers_and_schedules_are_really_different(toy: Context) -> None:
    """Else the test above would prove less than it says."""
    ends = []
    for optimizer in OPTIMIZERS:
        for schedule in SCHEDULES:
            work = toy_run(toy, f"{optimizer}-{schedule}-only")
            train(work, optimizer=optimizer, schedule=schedule, precision="float32")
            ends.append(everything(work)["model.safetensors"])
    assert len(set(ends)) == len(OPTIMIZERS) * len(SCHEDULES)
