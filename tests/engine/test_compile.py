"""torch.compile as an option: the same numbers, its time told, and a refusal in words where it cannot be done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import _inductor as inductor

from engine.batches.packed import PackedBatches, validation_batches
from engine.control import Control
from engine.errors import CutawayError
from engine.events import Event, StepMetrics, Tick
from engine.model.transformer import Transformer
from engine.stages.pretrain import Config, plan
from engine.training.compiled import compile_objective
from engine.training.loop import Data, Trainer
from engine.training.optimizers import build_optimizer
from engine.training.precision import Precision

TOKENS = (np.arange(3000) * 7 % 40).astype(np.uint16)
TINY = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 8, "batch_tokens": 48, "steps": 3, "micro_rows": 3}
needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl")), reason="needs a C++ compiler"
)


def trainer(**more: object) -> Trainer:
    chosen = plan(Config(**{**TINY, "evaluate_every": 99, "sample_every": 99, "checkpoint_every": 99, **more}), 40)
    torch.manual_seed(1)
    model, length = Transformer(chosen.model), chosen.model.context_length
    looks = list(validation_batches(TOKENS, length, 2, 1))
    data = Data(PackedBatches(TOKENS, length, chosen.training.batch_rows, 1), looks, looks, 0.5)
    precision = Precision("cpu", "float32")
    optimizer = build_optimizer(model, chosen.training, precision)
    return Trainer(model, optimizer, chosen.training, data, precision, Control(), 1, sample=nothing, save=nothing)


def nothing() -> Iterator[Event]:
    yield Tick()


def losses(work: Trainer) -> list[float]:
    return [event.loss for event in work.run() if isinstance(event, StepMetrics)]


@needs_compiler
@pytest.mark.slow
def test_a_compiled_run_equals_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor.config, "compile_threads", 1)  # its idle threads would outlive the test
    plain, compiled = trainer(), trainer()
    random = torch.get_rng_state()
    seconds = compile_objective(compiled)
    assert seconds > 0.1 and torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None for p in compiled.model.parameters())
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-4)
    for own, other in zip(compiled.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-3)


def test_without_a_compiler_it_says_so_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor.config.cpp, "cxx", (None, "no-such-compiler"))
    torch.compiler.reset()
    work = trainer()
    plain = work.objective
    with pytest.raises(CutawayError, match="could not compile") as told:
        compile_objective(work)
    torch.compiler.reset()
    assert "C++ compiler" in told.value.why and "compile = false" in told.value.remedy and told.value.details
    assert work.objective is plain
    assert len(losses(work)) == 3
