"""How often charts may repaint: the latest state wins, and watching stays cheap however dear a chart is."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

MOST_PER_SECOND = 15.0
_SHARE = 0.012
_MEMORY = 0.7


class RepaintPace(QObject):
    """Calls `repaint` after `ask`, at most 15 times a second and for at most 1.2% of one core's time.

    A slow machine or a dear chart so gets fewer pictures a second, never a slower training.
    within: the pace of a whole page, which bears the cost too, so that many charts together keep to one share.
    """

    def __init__(self, repaint: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.within: RepaintPace | None = None
        self._repaint = repaint
        self._cost = 0.0
        self._since = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._fire)
        self._last = 0.0

    @property
    def interval(self) -> float:
        """Seconds between two repaints, by what the last ones cost."""
        return max(1.0 / MOST_PER_SECOND, self._cost / _SHARE)

    def ask(self) -> None:
        if not self._timer.isActive():
            wait = self._last + self.interval - time.perf_counter()
            if wait <= 0:
                self._fire()  # together with whatever else changes now: one picture of the window instead of two
            else:
                self._timer.start(int(wait * 1000) + 1)

    def now(self) -> None:
        """At once: for what a person does, which must not wait."""
        self._timer.stop()
        self._fire()

    def add_cost(self, seconds: float) -> None:
        """What a repaint cost beyond the call of `repaint` itself: Qt paints later."""
        self._since += seconds
        if self.within is not None:
            self.within.add_cost(seconds)

    def _fire(self) -> None:
        self._cost = _MEMORY * self._cost + (1 - _MEMORY) * self._since
        self._since = 0.0
        began = time.perf_counter()
        self._repaint()
        self._last = time.perf_counter()
        self.add_cost(self._last - began)
