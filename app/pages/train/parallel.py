"""How training can be parallel when updates are sequential, with the numbers of this very run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.pages.train.run_model import TrainRun
from app.widgets.inspection import Inspection, Table
from app.widgets.inspector_text import read_help

PARALLEL = "How can training be parallel when updates are sequential?"
_FORMULA = r"g = \sum_{r=1}^{N} g_r"


def parallel(run: TrainRun) -> Inspection:
    """A run of one process is told as that, with what it would share."""
    processes = int((run.plan or {}).get("processes", 1))
    text = read_help("parallel")
    words, sums, pays = text.blocks if text is not None else ("", "", "")
    rows = _alone(run) if processes == 1 else _together(run)
    return Inspection(
        PARALLEL,
        "this run has one process" if processes == 1 else f"this run has {processes} processes",
        words=words,
        formula=_FORMULA,
        formula_words=f"Each process r computes the gradient of its rows. {sums}",
        table=_by_process(run, processes),
        rows=tuple(rows),
        subject="run",
        advice=pays,
    )


def _alone(run: TrainRun) -> Iterator[tuple[str, ...]]:
    yield "processes", "1"
    if math.isfinite(run.recent_speed):
        yield "tokens per second", f"{run.recent_speed:,.0f}", "accent"
    yield "synchronising", "nobody to wait for"
    if run.plan:
        rows, each = run.plan["training"]["batch_rows"], run.plan["training"]["micro_rows"]
        yield "passes that could be shared", f"{math.ceil(rows / each):,} a step"


def _by_process(run: TrainRun, processes: int) -> Table | None:
    """Speed while it computes, and the share of its time that went into synchronising."""
    measured = [event for event in run.shared if len(event.tokens_per_second) == processes]
    if not measured:
        return None
    speeds = np.mean([event.tokens_per_second for event in measured], axis=0)
    waiting = np.mean([event.waiting for event in measured], axis=0)
    rows = [(f"{r + 1}", f"{speeds[r]:,.0f}", f"{waiting[r]:.1%}") for r in range(processes)]
    return Table(("process", "tokens/s", "synchronising"), tuple(rows))


def _together(run: TrainRun) -> Iterator[tuple[str, ...]]:
    if not run.shared:
        yield "by process", "not measured yet"
    if math.isfinite(run.recent_speed):
        yield "together", f"{run.recent_speed:,.0f} tokens/s", "accent"
    yield from _speed_up(run, run.plan or {})


def _speed_up(run: TrainRun, plan: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    alone = plan.get("alone")
    if not alone:
        yield "one process before", "not measured yet"
        return
    yield "one process before", f"{alone:,.0f} tokens/s"
    if math.isfinite(run.seconds_per_step):
        # Looks, samples and checkpoints count on both sides: that is how the other run was measured.
        times = plan["batch_tokens"] / run.seconds_per_step / alone
        # Within a few percent two runs differ anyway.
        role = ("ok",) if times > 1.05 else ("warning",) if times < 0.95 else ()
        yield "speed-up", f"{times:.2f} times", *role
