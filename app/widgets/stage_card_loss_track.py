"""A loss curve that stays small however long the run is. No numpy: the first page to paint holds one."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LIMIT = 2_000


@dataclass
class LossPoint:
    """One or more neighbouring steps. low, high: extremes of the raw loss; smooth: its average after them."""

    step: int
    low: float
    high: float
    smooth: float


class LossTrack:
    """Add every step; `points` never holds more than 2,000: beyond that neighbours are joined, extremes kept.

    smooth is a debiased exponential average over all steps (Kingma and Ba 2014, section 3), not over what is kept.
    """

    def __init__(self, smoothing: float = 0.9) -> None:
        self.points: list[LossPoint] = []
        self.last = math.nan
        self._smoothing = smoothing
        self._sum, self._weight = 0.0, 0.0
        self._stride, self._filled = 1, 0

    @property
    def smooth(self) -> float:
        return self._sum / self._weight if self._weight else math.nan

    def add(self, step: int, loss: float) -> None:
        """A loss that is not finite becomes `last` and leaves the curve as it is."""
        self.last = loss
        if not math.isfinite(loss):
            return
        self._sum = self._smoothing * self._sum + (1 - self._smoothing) * loss
        self._weight = self._smoothing * self._weight + (1 - self._smoothing)
        if self.points and self._filled < self._stride:
            newest = self.points[-1]
            newest.step, newest.smooth = step, self.smooth
            newest.low, newest.high = min(newest.low, loss), max(newest.high, loss)
            self._filled += 1
        else:
            self.points.append(LossPoint(step, loss, loss, self.smooth))
            self._filled = 1
        if len(self.points) > _LIMIT:
            self._halve()

    def _halve(self) -> None:
        """Called right after a point was begun, so that one is left over: it goes on being filled."""
        pairs = zip(self.points[:-1:2], self.points[1:-1:2], strict=True)
        joined = [LossPoint(b.step, min(a.low, b.low), max(a.high, b.high), b.smooth) for a, b in pairs]
        self.points = [*joined, self.points[-1]]
        self._stride *= 2
