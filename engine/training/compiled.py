"""torch.compile of what is trained: made before the first step, so that its time is known and no step holds it."""

from __future__ import annotations

import time
from typing import cast

import torch
from torch import nn

from engine.errors import CutawayError
from engine.training.loop import Trainer
from engine.training.out_of_memory import is_out_of_memory


def compile_objective(trainer: Trainer) -> float:
    """Compiles forward and backward pass for the micro-batches' shapes. Returns the seconds that took.

    Raises CutawayError where torch cannot compile, most often because there is no C++ compiler.
    """
    began = time.perf_counter()
    plain = trainer.objective
    trainer.objective = cast(nn.Module, torch.compile(plain, dynamic=False))
    failed = _rehearse(trainer)
    trainer.optimizer.zero_grad(set_to_none=True)
    if failed is not None:
        trainer.objective = plain
        raise CutawayError(
            "torch could not compile this model.",
            f"{_first_line(failed)}. Most often no working C++ compiler is at hand.",
            "Install one (g++ or clang, on Windows Visual Studio's build tools), or set compile = false.",
            str(failed),
        ) from failed
    return time.perf_counter() - began


def _rehearse(trainer: Trainer) -> RuntimeError | None:
    """One pass of every shape. Memory that runs out here runs out in the first step again, which knows what to do."""
    try:
        with torch.random.fork_rng():
            for rows in trainer.row_counts():
                trainer.rehearse(rows)
    except RuntimeError as error:
        return None if is_out_of_memory(error) else error
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
