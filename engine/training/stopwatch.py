"""Moments in the work of a device: of the processor at once, of a GPU when it gets there."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

Moment = float | torch.cuda.Event


@dataclass(frozen=True)
class Stopwatch:
    """On a GPU asking for a moment makes nobody wait; `passed` says whether it is over."""

    device: torch.device

    def now(self) -> Moment:
        if self.device.type != "cuda":
            return time.perf_counter()
        moment = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        moment.record(torch.cuda.current_stream(self.device))
        return moment

    @staticmethod
    def passed(moment: Moment) -> bool:
        return isinstance(moment, float) or bool(moment.query())  # type: ignore[no-untyped-call]

    @staticmethod
    def seconds(earlier: Moment, later: Moment) -> float:
        """Both must have passed."""
        if isinstance(earlier, float) or isinstance(later, float):
            assert isinstance(earlier, float) and isinstance(later, float)
            return later - earlier
        return float(earlier.elapsed_time(later)) / 1000
