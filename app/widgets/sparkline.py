"""A curve the size of a word: how a run went, in one glance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors

_CROSS = 3.0


class Sparkline(QWidget):
    """values: any number of losses, older first; NaN ends the curve in a cross.

    share: how much of the width the curve takes (a run that is half done draws half), 0 to 1.
    role: the palette's role of its colour, for example "muted", "accent" or "danger".
    """

    def __init__(
        self, values: Sequence[float] = (), *, share: float = 1.0, role: str = "muted", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._values: list[float] = []
        self._share, self._role = 1.0, "muted"
        self.set_values(values, share=share, role=role)

    def set_values(self, values: Sequence[float], *, share: float = 1.0, role: str = "muted") -> None:
        self._values = list(values)
        self._share, self._role = min(max(share, 0.0), 1.0), role
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(92, 22)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = QRectF(self.rect()).adjusted(1, 4, -5, -4)
        color = QColor(getattr(colors(self), self._role))
        paint_sparkline(painter, area, self._values, color, self._share)


def paint_sparkline(
    painter: QPainter, area: QRectF, values: Sequence[float], color: QColor, share: float = 1.0
) -> None:
    """Draws into `area`, lowest value at the bottom, log scale; nothing for fewer than two values."""
    finite = [value for value in values if math.isfinite(value) and value > 0]
    if len(finite) < 2:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    low, high = math.log(min(finite)), math.log(max(finite))
    spread = max(high - low, 0.05)
    step = area.width() * share / (len(finite) - 1)
    points = [
        QPointF(area.left() + index * step, area.bottom() - (math.log(value) - low) / spread * area.height())
        for index, value in enumerate(finite)
    ]
    painter.setPen(QPen(color, 1.25))
    painter.drawPolyline(QPolygonF(points))
    if len(finite) < len(values):
        _paint_cross(painter, points[-1], color)


def _paint_cross(painter: QPainter, at: QPointF, color: QColor) -> None:
    painter.setPen(QPen(color, 1.5))
    for slope in (-1, 1):
        painter.drawLine(at - QPointF(_CROSS, slope * _CROSS), at + QPointF(_CROSS, slope * _CROSS))
