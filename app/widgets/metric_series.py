"""One metric over a run: every point that was ever told, ready to be drawn at any width."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from app.widgets.metric_series_pyramid import FloatArray, GrowingArray, Pyramid
from app.widgets.metric_series_smoothing import Smoother

_LOOK_BACK = 1000


class XAxis(StrEnum):
    """What runs along the bottom of a chart. SECONDS: working time of the run."""

    TOKENS = "tokens"
    STEP = "step"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Thinned:
    """What a chart draws. x, y: ascending x, NaN in y where the line breaks. total: points in the range;
    gaps: x of points that are not finite."""

    x: FloatArray
    y: FloatArray
    total: int
    gaps: FloatArray

    @property
    def shown(self) -> int:
        return len(self.x)


class MetricSeries:
    """Values by step, tokens and seconds. Steps must ascend; a resumed run truncates first."""

    def __init__(self) -> None:
        self._columns = {axis: GrowingArray() for axis in XAxis}
        self._raw = Pyramid()
        self._smooth = Pyramid()
        self._smoother = Smoother(0.0)

    def __len__(self) -> int:
        return len(self._raw.values)

    @property
    def values(self) -> FloatArray:
        return self._raw.values.view

    @property
    def last(self) -> float:
        """NaN when there is none yet."""
        return float(self.values[-1]) if len(self) else float("nan")

    def newest(self, *, smooth: bool = False) -> float:
        """The last value that is a number; NaN when there is none. smooth: of the average."""
        values = self.smoothed() if smooth else self.values
        finite = np.flatnonzero(np.isfinite(values[-_LOOK_BACK:]))
        return float(values[-_LOOK_BACK:][finite[-1]]) if len(finite) else float("nan")

    @property
    def smoothing(self) -> float:
        return self._smoother.weight

    def x(self, axis: XAxis) -> FloatArray:
        return self._columns[axis].view

    def smoothed(self) -> FloatArray:
        return self._smooth.values.view

    def append(self, step: float, tokens: float, seconds: float, value: float) -> None:
        self.extend([step], [tokens], [seconds], [value])

    def extend(
        self, steps: npt.ArrayLike, tokens: npt.ArrayLike, seconds: npt.ArrayLike, values: npt.ArrayLike
    ) -> None:
        """Arrays of equal length, in order of steps."""
        for axis, column in zip((XAxis.STEP, XAxis.TOKENS, XAxis.SECONDS), (steps, tokens, seconds), strict=True):
            self._columns[axis].extend(column)
        self._raw.extend(values)
        self._smooth.extend(self._smoother.extend(values))

    def truncate_after(self, step: float) -> None:
        """Forgets the points after `step`: a run that resumes there tells them anew."""
        length = int(np.searchsorted(self.x(XAxis.STEP), step, side="right"))
        if length < len(self):
            for column in self._columns.values():
                column.truncate(length)
            self._raw.truncate(length)
            self.set_smoothing(self.smoothing)

    def set_smoothing(self, weight: float) -> None:
        """Averages all points anew. weight: 0 to below 1."""
        self._smoother = Smoother(weight)
        self._smooth = Pyramid()
        self._smooth.extend(self._smoother.extend(self.values))

    def thinned(self, axis: XAxis, low: float, high: float, budget: int, *, smooth: bool = False) -> Thinned:
        """The points with x in [low, high] and one neighbour on each side, about `budget` of them."""
        x = self.x(axis)
        inside = slice(int(np.searchsorted(x, low, side="left")), int(np.searchsorted(x, high, side="right")))
        pyramid = self._smooth if smooth else self._raw
        index = pyramid.thin(inside.start - 1, inside.stop + 1, budget)
        y = pyramid.values.view[index]
        return Thinned(x[index], y, max(inside.stop - inside.start, 0), x[index[~np.isfinite(y)]])

    def nearest(self, axis: XAxis, x: float) -> int:
        """Index of the point nearest to x; -1 when there is none."""
        if not len(self):
            return -1
        column = self.x(axis)
        right = min(int(np.searchsorted(column, x)), len(self) - 1)
        left = max(right - 1, 0)
        return left if abs(column[left] - x) <= abs(column[right] - x) else right
