"""How often tokens stand in the corpus, by their rank: both axes logarithmic, where it is nearly a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font

_LEFT, _BOTTOM, _TOP, _RIGHT = 44.0, 30.0, 6.0, 10.0
_POINTS = 160


class ZipfChart(QWidget):
    """picked: (rank, count) of the token at hand."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[tuple[int, int]] = []
        self.picked: tuple[int, int] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("How often tokens stand in the corpus, by rank")

    def show_counts(self, counts: Sequence[int]) -> None:
        """Of all tokens, in any order; those that never stand there have no place on the axis."""
        falling = sorted((count for count in counts if count > 0), reverse=True)
        last = len(falling)
        ranks = sorted({round(last ** (at / (_POINTS - 1))) for at in range(_POINTS)}) if last else []
        self._points = [(rank, falling[rank - 1]) for rank in ranks]
        self.picked = None
        self.update()

    def pick(self, rank: int, count: int) -> None:
        """count 0: the token has no place."""
        self.picked = (rank, count) if count else None
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 130)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        if len(self._points) < 2:
            return
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        self._paint_grid(painter, plot)
        line = QPolygonF([self._at(plot, rank, count) for rank, count in self._points])
        painter.setPen(QPen(QColor(p.accent), 1.5))
        painter.drawPolyline(line)
        if self.picked is not None:
            painter.setPen(QPen(QColor(p.surface), 2))
            painter.setBrush(QColor(p.warning))
            painter.drawEllipse(self._at(plot, *self.picked), 5, 5)

    def _at(self, plot: QRectF, rank: int, count: int) -> QPointF:
        widest, most = max(self._points[-1][0], 2), max(self._points[0][1], 2)
        x = plot.left() + math.log(max(rank, 1)) / math.log(widest) * plot.width()
        return QPointF(x, plot.bottom() - math.log(max(count, 1)) / math.log(most) * plot.height())

    def _paint_grid(self, painter: QPainter, plot: QRectF) -> None:
        p = colors(self)
        painter.setFont(font(11))
        for power in range(10):
            value = 10**power
            if value <= self._points[0][1] and power % (2 if self._points[0][1] > 10_000 else 1) == 0:
                y = self._at(plot, 1, value).y()
                painter.setPen(QPen(QColor(p.hairline), 1))
                painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
                painter.setPen(QColor(p.muted))
                painter.drawText(QRectF(0, y - 8, _LEFT - 8, 16), Qt.AlignmentFlag.AlignRight, f"{value:,}")
            if value <= self._points[-1][0]:
                x = self._at(plot, value, 1).x()
                painter.setPen(QColor(p.muted))
                box = QRectF(x - 30, plot.bottom() + 1, 60, 14)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:,}")
        painter.setPen(QColor(p.muted))
        foot = QRectF(plot.left(), plot.bottom() + 14, plot.width(), 16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, "rank, the most frequent first")
