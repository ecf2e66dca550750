"""torch.compile as an option: the same numbers, its time told, and a refusal in words where it cannot be done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import _inductor as inductor

from engine.errors import CutawayError
from engine.events import ArtifactReady, Compiled, Compiling, StepMetrics
from engine.pipeline.drive import drive
from engine.stages import pretrain
from engine.training.compiled import compile_objective
from engine.training.loop import Trainer
from tests.toy_training import toy_context, toy_run, toy_trainer

TINY = {"depth": 1, "steps": 3, "micro_rows": 4}  # six rows: micro-batches of two shapes
needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl")), reason="needs a C++ compiler"
)


def losses(work: Trainer) -> list[float]:
    return [event.loss for event in work.run() if isinstance(event, StepMetrics)]


@needs_compiler
@pytest.mark.slow
@inductor.config.patch(compile_threads=1)  # idle threads would outlive the test
def test_a_compiled_run_equals_a_plain_one() -> None:
    plain, compiled = toy_trainer(**TINY), toy_trainer(**TINY)
    random = torch.get_rng_state()
    seconds = compile_objective(compiled)
    assert seconds > 0.1 and torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None for p in compiled.model.parameters())
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-4)
    for own, other in zip(compiled.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-3)


@needs_compiler
@pytest.mark.slow
@inductor.config.patch(compile_threads=1)
def test_the_stage_tells_that_it_compiles_and_counts_the_time(tmp_path: Path) -> None:
    context = toy_run(toy_context(tmp_path), "compiled")
    sizes = {"d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 64}
    events = list(drive(pretrain, pretrain.Config(**TINY, **sizes, compile=True), context))
    told = [event for event in events if isinstance(event, Compiling | Compiled | StepMetrics | ArtifactReady)]
    assert [type(event) for event in told] == [Compiling, Compiled, *[StepMetrics] * 3, ArtifactReady]
    duration = told[1].duration  # type: ignore[union-attr]
    assert duration > 0 and told[2].seconds - told[0].seconds >= duration
    assert told[-1].figures["seconds_of_compiling"] == pytest.approx(duration, abs=0.1)  # type: ignore[union-attr]


@inductor.config.patch({"cpp.cxx": (None, "no-such-compiler"), "compile_threads": 1})
def test_without_a_compiler_it_says_so_and_changes_nothing() -> None:
    torch.compiler.reset()
    work = toy_trainer(**TINY)
    plain = work.objective
    with pytest.raises(CutawayError, match="could not compile") as told:
        compile_objective(work)
    torch.compiler.reset()
    assert "C++ compiler" in told.value.why and "compile = false" in told.value.remedy and told.value.details
    assert work.objective is plain
    assert len(losses(work)) == 3
