"""A reliability diagram: how sure a classifier was, against how often it was right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors, mix
from app.theme.type import font
from app.widgets.metric_chart_paint import dotted

_LEFT, _FOOT, _TOP = 34.0, 32.0, 6.0


class Reliability(QWidget):
    """Bars: how often it was right, in bins by how sure it was; the stroke in each is how sure it said it was, and the
    dotted diagonal is a perfect one. A bin's fill is stronger the more texts are in it. pointed(bin): -1 for none."""

    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._confidence: tuple[float, ...] = ()
        self._accuracy: tuple[float, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._bin = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Reliability diagram")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_bins(self, confidence: Sequence[float], accuracy: Sequence[float], counts: Sequence[int]) -> None:
        """One of each a bin, equally wide from 0 to 1; NaN where one is empty."""
        self._confidence, self._accuracy, self._counts = tuple(confidence), tuple(accuracy), tuple(counts)
        bins = (self._confidence, self._accuracy, self._counts)
        filled = [each for each in zip(*bins, strict=True) if each[2]]
        told = (f"{sure:.0%} sure, {right:.0%} right, {count}" for sure, right, count in filled)
        self.setAccessibleDescription(". ".join(told))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, 120)

    def _area(self) -> QRectF:
        return QRectF(_LEFT, _TOP, self.width() - _LEFT - 6, self.height() - _TOP - _FOOT)

    def _column(self, place: int) -> QRectF:
        area = self._area()
        wide = area.width() / max(len(self._counts), 1)
        return QRectF(area.left() + place * wide, area.top(), wide, area.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        p, area = colors(self), self._area()
        painter = QPainter(self)
        painter.setFont(font(11))
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.5, 1.0):
            row = math.floor(area.bottom() - share * area.height()) + 0.5
            painter.setPen(QPen(QColor(p.hairline), 1))
            painter.drawLine(QLineF(area.left(), row, area.right(), row))
            painter.setPen(QColor(p.muted))
            painter.drawText(QRectF(0, row - 8, _LEFT - 6, 16), side, f"{share:.0%}")
        most = max(self._counts, default=0) or 1
        for place, count in enumerate(self._counts):
            if count:
                self._paint_bin(painter, place, count / most)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(dotted(p.text, 1.0))
        painter.drawLine(QLineF(area.bottomLeft(), area.topRight()))
        painter.setPen(QColor(p.muted))
        foot = QRectF(area.left(), area.bottom() + 3, area.width(), 14)
        for words, where in (("0% sure", Qt.AlignmentFlag.AlignLeft), ("100% sure", Qt.AlignmentFlag.AlignRight)):
            painter.drawText(foot, where, words)
        below = QRectF(0, area.bottom() + 16, self.width(), 14)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, "bar: right, stroke: how sure it said it was")

    def _paint_bin(self, painter: QPainter, place: int, weight: float) -> None:
        p, column = colors(self), self._column(place)
        bar = QRectF(column.adjusted(1, 0, -1, 0))
        bar.setTop(column.bottom() - self._accuracy[place] * column.height())
        painter.fillRect(bar, mix(p.focused, p.surface, 0.3 + 0.7 * weight))
        row = column.bottom() - self._confidence[place] * column.height()
        painter.fillRect(QRectF(bar.left(), row - 1, bar.width(), 2), QColor(p.validation))
        if place == self._bin:
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.drawRect(column.adjusted(1, 1, -1, -1))

    def _point(self, place: int) -> None:
        if place != self._bin:
            self._bin = place
            self.pointed.emit(place)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        places = range(len(self._counts))
        self._point(next((place for place in places if self._column(place).contains(event.position())), -1))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._counts:
            super().keyPressEvent(event)
            return
        self._point(min(max(self._bin + step, 0), len(self._counts) - 1))
