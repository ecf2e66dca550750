"""Doubt at each token: hollow as the model gave it, filled after temperature and filters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme.palette import colors, mix
from app.theme.type import font

_AXIS = 24
_WIDEST_PITCH = 20.0
_LEAST_PITCH = 3.0


class EntropyBars(QWidget):
    """One bar a token, in bits. clicked(index), hovered(index or -1). Too many for the width: the last ones are shown
    and the axis says from which on."""

    clicked = Signal(int)
    hovered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before: list[float] = []
        self._after: list[float] = []
        self._current: int | None = None
        self._hover = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Entropy of each written token, in bits")

    def set_values(self, before: Sequence[float], after: Sequence[float]) -> None:
        """before, after: bits, one of each a token."""
        self._before, self._after = list(before), list(after)
        self.update()

    def append(self, before: float, after: float) -> None:
        self._before.append(before)
        self._after.append(after)
        self.update()

    def set_current(self, index: int | None) -> None:
        self._current = index
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 66)

    def _pitch(self) -> float:
        room = self.width() - _AXIS
        return min(max(room / max(len(self._before), 1), _LEAST_PITCH), _WIDEST_PITCH)

    def _first(self) -> int:
        """Index of the first bar that fits."""
        return max(len(self._before) - int((self.width() - _AXIS) / self._pitch()), 0)

    def _top(self) -> float:
        """Bits at the upper edge: an even number, at least 4."""
        highest = max(max(self._before, default=0.0), max(self._after, default=0.0))
        return max(4.0, 2.0 * -(-highest // 2))

    def index_at(self, x: float) -> int:
        """The bar at a place, -1 for none."""
        index = self._first() + int(x / self._pitch())
        return index if 0 <= x < self.width() - _AXIS and index < len(self._before) else -1

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = colors(self)
        painter = QPainter(self)
        floor, height = self.height() - 1.0, self.height() - 8.0
        unit = height / self._top()
        self._paint_grid(painter, floor, unit)
        pitch, first = self._pitch(), self._first()
        width = max(pitch - 4, pitch * 0.75)
        calm, hollow = mix(palette.focused, palette.surface, 0.72), QPen(QColor(palette.border), 1)
        over = QPen(QColor(palette.text), 1)
        for index in range(first, len(self._before)):
            x = (index - first) * pitch
            chosen = index in (self._current, self._hover)
            after = self._after[index] * unit
            painter.fillRect(QRectF(x, floor - after, width, after), QColor(palette.accent) if chosen else calm)
            before = self._before[index] * unit
            outline = over if after > before else hollow  # the hollow bar must be seen on the filled one
            painter.setPen(QPen(QColor(palette.accent), 1) if chosen and after <= before else outline)
            painter.drawRect(QRectF(round(x) + 0.5, round(floor - before) + 0.5, round(width) - 1, round(before)))

    def _paint_grid(self, painter: QPainter, floor: float, unit: float) -> None:
        palette = colors(self)
        painter.setFont(font(11))
        step = 2 if self._top() <= 8 else 4
        for bits in range(step, int(self._top()) + 1, step):
            y = round(floor - bits * unit) + 0.5
            if y < 4:
                continue
            pen = QPen(QColor(palette.hairline), 1)
            pen.setDashPattern([2, 3])
            painter.setPen(pen)
            painter.drawLine(QPointF(0, y), QPointF(self.width() - _AXIS, y))
            painter.setPen(QColor(palette.muted))
            box = QRectF(self.width() - _AXIS, y - 8, _AXIS, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(bits))
        painter.setPen(QPen(QColor(palette.hairline), 1))
        painter.drawLine(QPointF(0, floor + 0.5), QPointF(self.width() - _AXIS, floor + 0.5))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self.index_at(event.pos().x())
            words = f"{self._before[index]:.2f} bits, {self._after[index]:.2f} after the settings" if index >= 0 else ""
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self.index_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().x())
        if index >= 0:
            self.clicked.emit(index)

    def _set_hover(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.hovered.emit(index)
            self.update()
