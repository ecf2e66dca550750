"""Memory that runs out: smaller micro-batches, the same result, and words for it."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engine.errors import CutawayError
from engine.events import MemoryRanOut, StepMetrics, Validation
from engine.training.loop import Trainer
from engine.training.out_of_memory import is_out_of_memory
from tests.toy_training import toy_trainer

CPU_WORDS = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4398046511104 bytes"

# In a process of its own: what this one may still take is limited, and the batch as it was planned needs more.
UNDER_A_LIMIT = """
import json, re, resource, torch
from pathlib import Path
from tests.toy_training import toy_trainer
torch.set_num_threads(1)  # a thread that begins under the limit would need its stack
work = toy_trainer(d_model=64, context_length=256, batch_tokens=16_384, micro_rows=64, steps=2)
work.rehearse(1)
work.optimizer.zero_grad()
used = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000,) * 2)
print(json.dumps([[type(e).__name__, e.step, getattr(e, "loss", getattr(e, "rows", 0))] for e in work.run()]))
"""


class Narrow(nn.Module):
    """An objective with room for so many rows: as the allocator would, it fails when the forward pass is half done."""

    def __init__(self, inner: nn.Module, room: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.room, self.error = inner, room, error
        self.left_behind: list[weakref.ref[Tensor]] = []

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = self.inner(inputs, targets)
        if len(inputs) > self.room:
            activations = loss * torch.ones(len(inputs))
            self.left_behind.append(weakref.ref(activations))
            raise type(self.error)(*self.error.args)
        return loss


def trainer(**settings: object) -> Trainer:
    return toy_trainer(**{"batch_tokens": 96, "steps": 6, "micro_rows": 12, **settings})


def narrowed(room: int, error: Exception, **settings: object) -> Trainer:
    work = trainer(**settings)
    work.objective = Narrow(work.objective, room, error)
    return work


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU_WORDS)])
def test_the_run_goes_on_with_smaller_passes_and_the_same_result(error: Exception) -> None:
    whole, narrow = trainer(), narrowed(3, error)
    expected = [event for event in whole.run() if isinstance(event, StepMetrics)]
    events = list(narrow.run())
    told = [event for event in events if isinstance(event, StepMetrics)]
    assert [(event.rows, event.passes, event.step) for event in events if isinstance(event, MemoryRanOut)] == [
        (6, 2, 0),
        (3, 4, 0),
    ]
    assert [event.loss for event in told] == pytest.approx([event.loss for event in expected], abs=1e-5)
    assert [event.tokens for event in told] == [event.tokens for event in expected]
    for own, other in zip(narrow.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_from_then_on_it_equals_a_run_that_was_planned_so() -> None:
    narrow, planned = narrowed(3, RuntimeError(CPU_WORDS), dropout=0.1), trainer(micro_rows=3, dropout=0.1)
    list(narrow.run())
    list(planned.run())
    pairs = zip(narrow.model.parameters(), planned.model.parameters(), strict=True)
    assert all(torch.equal(own, other) for own, other in pairs)


def test_the_failed_pass_is_let_go_before_the_next_begins() -> None:
    gc.disable()  # what a cycle holds would stay until the collector comes by, and memory is short now
    try:
        work = narrowed(6, RuntimeError(CPU_WORDS))
        alive = []
        for event in work.run():
            if isinstance(event, MemoryRanOut):
                alive = [ref() for ref in work.objective.left_behind]  # type: ignore[union-attr,operator]
                assert all(p.grad is None for p in work.model.parameters())
        assert alive == [None]
    finally:
        gc.enable()


def test_looks_at_held_out_text_take_no_more_rows_either() -> None:
    whole, narrow = trainer(evaluate_every=3), narrowed(1, RuntimeError(CPU_WORDS), evaluate_every=3)
    losses = [[e.loss for e in work.run() if isinstance(e, Validation)] for work in (whole, narrow)]
    assert narrow.micro_rows == 1 and len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_a_single_row_that_does_not_fit_is_told_in_words() -> None:
    work = narrowed(0, RuntimeError(CPU_WORDS))
    with pytest.raises(CutawayError, match="single row") as told:
        list(work.run())
    assert "8 tokens" in told.value.why and "shorter context" in told.value.remedy
    assert work.step == 0 and work.micro_rows == 1


def test_other_errors_are_not_taken_for_it() -> None:
    work = narrowed(3, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(work.run())
    assert work.micro_rows == 12


def test_an_update_that_does_not_fit_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    work = trainer()

    def step() -> None:
        raise RuntimeError(CPU_WORDS)

    monkeypatch.setattr(work.optimizer, "step", step)
    with pytest.raises(CutawayError, match="while the weights were being updated"):
        list(work.run())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.1 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: not enough memory"), True),
        (MemoryError(), True),
        (RuntimeError("Expected all tensors to be on the same device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_how_torch_says_it(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits a process as Linux does")
def test_a_real_allocation_that_fails() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", UNDER_A_LIMIT], capture_output=True, text=True, timeout=60, cwd=root)
    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)
    halved = [rows for kind, _, rows in events if kind == "MemoryRanOut"]
    assert halved and halved == [64 // 2**n for n in range(1, len(halved) + 1)]
    steps = [(step, loss) for kind, step, loss in events if kind == "StepMetrics"]
    assert [step for step, _ in steps] == [1, 2] and all(1 < loss < 5 for _, loss in steps)
