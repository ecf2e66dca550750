"""Bars that say whether something fits: what is used now, what was estimated, what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font

_ROW, _COMPACT_ROW = 30, 24
_BAR = 4.0


@dataclass(frozen=True)
class Fit:
    """One row. share: of the bar that is filled, estimate: where the stroke stands, both 0 to 1 (None for no stroke).

    alarm: whether it does not fit; the bar and the words then wear the colour of danger.
    """

    label: str
    value: str
    share: float
    estimate: float | None
    words: str
    alarm: bool = False


class FitBars(QWidget):
    """Rows of label, value, bar and words, aligned in columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._rows: tuple[Fit, ...] = ()
        self._row = _ROW

    def set_rows(self, rows: Sequence[Fit]) -> None:
        if tuple(rows) == self._rows:
            return
        if len(rows) != len(self._rows):
            self.updateGeometry()
        self._rows = tuple(rows)
        self.setAccessibleName("Fits this computer")
        self.setAccessibleDescription(". ".join(f"{row.label} {row.value}, {row.words}" for row in rows))
        self.update()

    def set_compact(self, compact: bool) -> None:
        self._row = _COMPACT_ROW if compact else _ROW
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(420, self._row * max(len(self._rows), 3))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, row in enumerate(self._rows):
            self._paint_row(painter, row, index * self._row)

    def _paint_row(self, painter: QPainter, row: Fit, top: float) -> None:
        p = colors(self)
        column = (0.0, 64.0, 136.0)
        bar_width = min(150.0, (self.width() - column[2]) * 0.45)
        line = QRectF(0, top, self.width(), self._row)
        painter.setFont(font(13))
        painter.setPen(QColor(p.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, row.label)
        painter.setPen(QColor(p.danger if row.alarm else p.text))
        painter.drawText(line.adjusted(column[1], 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, row.value)
        self._paint_bar(painter, row, QRectF(column[2], top + self._row / 2 - _BAR / 2, bar_width, _BAR), p)
        words = line.adjusted(column[2] + bar_width + 12, 0, 0, 0)
        painter.setFont(font(11))
        painter.setPen(QColor(p.danger if row.alarm else p.muted))
        elided = QFontMetricsF(painter.font()).elidedText(row.words, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, elided)

    def _paint_bar(self, painter: QPainter, row: Fit, bar: QRectF, p: Palette) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.raised))
        painter.drawRoundedRect(bar, 2, 2)
        filled = QRectF(bar)
        filled.setWidth(bar.width() * min(max(row.share, 0.0), 1.0))
        if filled.width() > 0:
            painter.setBrush(QColor(p.danger if row.alarm else p.accent))
            painter.drawRoundedRect(filled, 2, 2)
        if row.estimate is not None:
            painter.setBrush(QColor(p.text))
            x = bar.left() + bar.width() * min(max(row.estimate, 0.0), 1.0)
            painter.drawRect(QRectF(x - 0.75, bar.center().y() - 5, 1.5, 10))
