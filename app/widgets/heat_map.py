"""A heat map: rows and columns of magnitudes in cividis, each with its number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import cividis, colors
from app.theme.type import font

_GAP = 2.0
_FOOT = 18.0
_TALLEST = 40.0
_DARK_INK, _LIGHT_INK = "#000000", "#ffffff"  # one of them always has a contrast of 4.5


@dataclass(frozen=True)
class HeatRow:
    """One value a column; a single one stands across all of them. NaN: there is none."""

    name: str
    values: tuple[float, ...]


class HeatMap(QWidget):
    """pointed(row, column): under the pointer or chosen by arrows; (-1, -1) when neither."""

    pointed = Signal(int, int)

    def __init__(self, words: Callable[[float], str], parent: QWidget | None = None) -> None:
        """words: a value as it is written into its cell."""
        super().__init__(parent)
        self._words = words
        self._rows: tuple[HeatRow, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._title, self._top, self._left = "", 1.0, 0.0
        self._cell: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_values(self, rows: Sequence[HeatRow], columns: Sequence[str], title: str, top: float) -> None:
        """title: of the columns. top: the value that is yellow; kept the same where pictures are to be compared."""
        told = (tuple(rows), tuple(columns), title, top if top > 0 else 1.0)
        if told == (self._rows, self._columns, self._title, self._top):
            return
        self._rows, self._columns, self._title, self._top = told
        metrics = QFontMetricsF(font(11))
        self._left = max((metrics.horizontalAdvance(row.name) for row in self._rows), default=0.0) + 8
        self.setAccessibleDescription(self._spoken())
        self.updateGeometry()
        self.update()

    def value(self, row: int, column: int) -> float:
        values = self._rows[row].values
        return values[0] if len(values) == 1 else values[column]

    def sizeHint(self) -> QSize:
        return QSize(320, round(len(self._rows) * 24 + _FOOT))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, round(len(self._rows) * 16 + _FOOT))

    def _box(self, row: int, column: int) -> QRectF:
        left, tall = self._left, self._tall()
        if len(self._rows[row].values) == 1:
            return QRectF(left, row * tall, self.width() - left, tall - _GAP)
        wide = (self.width() - left + _GAP) / max(len(self._columns), 1)
        return QRectF(left + column * wide, row * tall, wide - _GAP, tall - _GAP)

    def _tall(self) -> float:
        return min((self.height() - _FOOT) / max(len(self._rows), 1), _TALLEST)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        metrics = QFontMetricsF(font(11))
        for index, row in enumerate(self._rows):
            painter.setFont(font(11))
            painter.setPen(QColor(p.muted))
            name = QRectF(0, index * self._tall(), self._left, self._tall() - _GAP)
            painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, row.name)
            for column, value in enumerate(row.values):
                self._paint_cell(painter, metrics, self._box(index, column), value)
        if self._cell is not None and self._rows:
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._box(*self._cell).adjusted(1, 1, -1, -1))
        self._paint_foot(painter, metrics)

    def _paint_cell(self, painter: QPainter, metrics: QFontMetricsF, box: QRectF, value: float) -> None:
        if math.isnan(value):
            painter.setPen(QPen(QColor(colors(self).hairline), 1))
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
            return
        fill = cividis(value / self._top)
        painter.fillRect(box, fill)
        text = self._words(value)
        if metrics.horizontalAdvance(text) + 6 <= box.width() and box.height() >= 13:
            painter.setPen(QColor(_DARK_INK if _luminance(fill) > 0.179 else _LIGHT_INK))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_foot(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Names of the columns, every one, or as many as have room."""
        if not self._rows or not self._columns:
            return
        p = colors(self)
        painter.setPen(QColor(p.muted))
        bottom = len(self._rows) * self._tall()
        wide = (self.width() - self._left + _GAP) / len(self._columns)
        widest = max(metrics.horizontalAdvance(name) for name in self._columns) + 6
        each = max(1, math.ceil(widest / wide))
        painter.drawText(QRectF(0, bottom, self._left, _FOOT), Qt.AlignmentFlag.AlignVCenter, self._title)
        for column in range(0, len(self._columns), each):
            box = QRectF(self._left + column * wide - 20, bottom, wide - _GAP + 40, _FOOT)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._columns[column])

    def _at(self, point: QPoint) -> tuple[int, int] | None:
        row = math.floor(point.y() / self._tall())
        if not 0 <= row < len(self._rows) or point.x() < self._left:
            return None
        count = len(self._rows[row].values)
        column = math.floor((point.x() - self._left) / (self.width() - self._left + _GAP) * count)
        return (row, column) if self._box(row, column).contains(point) else None

    def _point(self, cell: tuple[int, int] | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.pointed.emit(*(cell or (-1, -1)))
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        move = moves.get(Qt.Key(event.key()))
        if move is None or not self._rows:
            super().keyPressEvent(event)
            return
        row, column = self._cell or (0, 0)
        row = min(max(row + move[0], 0), len(self._rows) - 1)
        column = min(max(column + move[1], 0), len(self._rows[row].values) - 1)
        self._point((row, column))

    def _spoken(self) -> str:
        lines = (f"{row.name}: {', '.join(self._words(value) for value in row.values)}" for row in self._rows)
        return ". ".join(lines)


def _luminance(color: QColor) -> float:
    """Relative, as WCAG has it."""
    channels = (color.redF(), color.greenF(), color.blueF())
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
