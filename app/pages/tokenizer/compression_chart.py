"""Bytes per token against the size of the vocabulary: steep at first, then every token buys less."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font

_LEFT, _BOTTOM, _TOP, _RIGHT = 40.0, 36.0, 10.0, 16.0
_SIZES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576)


class CompressionChart(QWidget):
    """x on a logarithmic scale of base 2, up to the vocabulary that is wanted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.points: Sequence[tuple[int, float]] = ()
        self._wanted = 1024
        self._at: int | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_curve(self, points: Sequence[tuple[int, float]], wanted: int) -> None:
        """points: (vocabulary, bytes per token), rising. wanted: the size that is asked for."""
        self.points, self._wanted, self._at = tuple(points), wanted, None
        last = f"{points[-1][1]:.2f} with {points[-1][0]:,} tokens" if points else "not measured yet"
        self.setAccessibleName(f"Bytes per token by size of the vocabulary: {last}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    def _span(self) -> tuple[int, int]:
        first = self.points[0][0] if self.points else 257
        return min(first, 257), max([self._wanted, 512, *(size for size, _ in self.points)])

    def _plot(self) -> QRectF:
        return QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)

    def _top(self) -> float:
        return max(2.0, math.ceil(max((value for _, value in self.points), default=3.0) * 2 + 0.2) / 2)

    def _place(self, size: float, value: float) -> QPointF:
        plot, (low, high) = self._plot(), self._span()
        x = plot.left() + math.log(max(size, low) / low) / math.log(high / low) * plot.width()
        return QPointF(x, plot.bottom() - value / self._top() * plot.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_grid(painter)
        if not self.points:
            return
        painter.setPen(QPen(QColor(p.focused), 2))
        painter.drawPolyline(QPolygonF([self._place(*point) for point in self.points]))
        size, value = self.points[-1 if self._at is None else self._at]
        here = self._place(size, value)
        painter.setPen(QPen(QColor(p.surface), 2))
        painter.setBrush(QColor(p.focused))
        painter.drawEllipse(here, 5, 5)
        painter.setFont(font(11, weight=600))
        painter.setPen(QColor(p.text))
        words = f"{value:.2f} bytes with {size:,} tokens"
        left = here.x() - 178 if here.x() > 220 else here.x() - 4  # above the curve, which rises to the right
        side = Qt.AlignmentFlag.AlignRight if here.x() > 220 else Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, here.y() - 24, 180, 18), side | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_grid(self, painter: QPainter) -> None:
        p, plot, (low, high) = colors(self), self._plot(), self._span()
        painter.setFont(font(11))
        step = 0.5 if self._top() <= 3 else 1.0
        for line in range(int(self._top() / step) + 1):
            y = self._place(low, line * step).y()
            painter.setPen(QPen(QColor(p.hairline), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(p.muted))
            box = QRectF(0, y - 8, _LEFT - 8, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{line * step:g}")
        sizes = [size for size in _SIZES if low - 1 <= size <= high]
        every = max(len(sizes) // 7, 1) if plot.width() > 300 else 2
        for size in sizes[::every]:
            x = self._place(size, 0).x()
            box = QRectF(x - 40, plot.bottom() + 4, 80, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{size:,}")
        foot = QRectF(plot.left(), plot.bottom() + 19, plot.width(), 16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, "size of the vocabulary, tokens")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        near = range(len(self.points))
        self._at = min(near, key=lambda at: abs(self._place(*self.points[at]).x() - x)) if self.points else None
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._at = None
        self.update()
        super().leaveEvent(event)
