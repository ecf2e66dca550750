"""How fast a stage works: the one reckoning behind every time left and every tokens per second in the window."""

from __future__ import annotations

import math
from collections import deque

_WINDOW = 50
_ENOUGH = 20
# Below this share of the best that the same run reached, something else must be using the processor.
_SLOWED = 0.5


class Pace:
    """From the last 50 points of work, so that looks at held-out text and samples are counted in and single steps do
    not shake it. `slowed`: whether the work goes at less than half of what this run reached before."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float, float]] = deque(maxlen=_WINDOW)
        self._best = 0.0
        self._before = (math.nan, math.nan)  # seconds a unit and tokens per second before the last rest
        self._rested = False

    def add(self, done: float, seconds: float, tokens: float = 0.0) -> None:
        """done: steps, or any other unit of work; seconds: of work so far; tokens: read so far."""
        if self._rested:
            self._points.clear()
            self._rested = False
        self._points.append((done, seconds, tokens))
        if len(self._points) >= _ENOUGH and math.isfinite(self.tokens_per_second):
            self._best = max(self._best, self.tokens_per_second)

    def rest(self) -> None:
        """A pause, or another machine, lies before the next point; until there are two, the pace of before holds."""
        self._before = self.seconds_a_unit, self.tokens_per_second
        self._rested = True

    def rewind(self) -> None:
        """The work goes on from an earlier place."""
        self.rest()
        self._points.clear()

    @property
    def seconds_a_unit(self) -> float:
        """NaN before two points."""
        return self._spent / self._done if self._done > 0 and self._spent > 0 else self._before[0]

    @property
    def tokens_per_second(self) -> float:
        """NaN before two points."""
        if len(self._points) < 2 or self._spent <= 0:
            return self._before[1]
        return (self._points[-1][2] - self._points[0][2]) / self._spent

    @property
    def slowed(self) -> bool:
        return len(self._points) >= _ENOUGH and self.tokens_per_second < _SLOWED * self._best

    def seconds_left(self, total: float) -> float:
        """To do `total` units; NaN when that cannot be told yet."""
        return (total - self._points[-1][0]) * self.seconds_a_unit if self._points and total else math.nan

    @property
    def _done(self) -> float:
        return self._points[-1][0] - self._points[0][0] if self._points else 0.0

    @property
    def _spent(self) -> float:
        return self._points[-1][1] - self._points[0][1] if self._points else 0.0
