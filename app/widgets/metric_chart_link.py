"""What charts of one run share: the x axis, the part in view, the crosshair and what happened when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.widgets.metric_series import MetricSeries, XAxis
from app.widgets.metric_series_pyramid import FloatArray

_NARROWEST = 1e-4


class MarkKind(StrEnum):
    HAND = "hand"
    ALARM = "alarm"
    BEST = "best"


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step: a control turned by hand, an alarm, or the best so far."""

    step: float
    text: str
    kind: MarkKind = MarkKind.HAND


class ChartLink(QObject):
    """clock: the series with a point for every step; it turns steps into tokens and seconds.

    total_steps: where the run is meant to end; 0 when nobody knows. marks: in order of steps.
    window: the part of the x axis in view, in units of `axis`; None for all of it.
    cursor: the step under the crosshair of any of the charts; None when the pointer is elsewhere.
    """

    moved = Signal()  # the crosshair
    changed = Signal()  # axis, window, marks or the end: charts draw anew

    def __init__(self, clock: MetricSeries, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.clock = clock
        self.total_steps = 0.0
        self.axis = XAxis.TOKENS
        self.marks: tuple[Mark, ...] = ()
        self.window: tuple[float, float] | None = None
        self.cursor: float | None = None

    def place(self, step: float) -> float:
        """Where a step stands on the axis; steps to come are placed at the pace so far."""
        return float(self.places(np.array([step]))[0])

    def places(self, steps: FloatArray) -> FloatArray:
        """As `place` for many. Shape kept."""
        if self.axis is XAxis.STEP or not len(self.clock):
            return steps.astype(np.float64)
        known, x = self.clock.x(XAxis.STEP), self.clock.x(self.axis)
        pace = x[-1] / known[-1] if known[-1] > 0 else 0.0
        inside = np.interp(steps, np.concatenate([[0.0], known]), np.concatenate([[0.0], x]))
        placed: FloatArray = np.where(steps > known[-1], x[-1] + (steps - known[-1]) * pace, inside)
        return placed

    @property
    def now(self) -> float:
        """The end of what has happened."""
        return float(self.clock.x(self.axis)[-1]) if len(self.clock) else 0.0

    @property
    def end(self) -> float:
        """The end of the axis: the planned end, or the last point when that lies further."""
        return max(self.place(self.total_steps), self.now) or 1.0

    def view(self) -> tuple[float, float]:
        return self.window or (0.0, self.end)

    def set_axis(self, axis: XAxis) -> None:
        if axis is not self.axis:
            self.axis = axis
            self.window = None
            self.changed.emit()

    def set_cursor(self, step: float | None) -> None:
        if step != self.cursor:
            self.cursor = step
            self.moved.emit()

    def zoom(self, centre: float, factor: float) -> None:
        """Widens (factor > 1) or narrows the view around `centre`; wide enough, it is all again."""
        low, high = self.view()
        self.look(centre - (centre - low) * factor, centre + (high - centre) * factor)

    def pan(self, distance: float) -> None:
        if self.window is not None:
            low, high = self.window
            distance = min(max(distance, -low), self.end - high)
            self.look(low + distance, high + distance)

    def show_all(self) -> None:
        self.window = None
        self.changed.emit()

    def look(self, low: float, high: float) -> None:
        low, high = max(low, 0.0), min(high, self.end)
        if high - low < self.end * _NARROWEST:
            return
        self.window = None if high - low >= self.end * 0.999 else (low, high)
        self.changed.emit()
