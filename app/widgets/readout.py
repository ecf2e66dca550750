"""A number that matters, with a small label under it or beside it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font

_GAP = 8.0


class Readout(QWidget):
    """size: 28 for the one that matters, 20 for readouts, 15 in small charts. The label (11, muted) stands under the
    number, or beside it when `beside`. unit: smaller and muted behind the number ("/ 4,000").
    role: colour of the number. right: aligned to the right edge.

    The widget grows when a longer number comes and does not shrink again, so that neighbours stay where they are.
    """

    def __init__(
        self,
        label: str,
        value: str = "",
        *,
        unit: str = "",
        size: int = 20,
        role: str = "text",
        beside: bool = False,
        right: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._label, self._value, self._unit = label, value, unit
        self._size, self._role, self._beside, self._right = size, role, beside, right
        self._widest = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._measure()

    def value(self) -> str:
        return self._value

    def set_value(self, value: str, unit: str | None = None) -> None:
        unit = self._unit if unit is None else unit
        if (value, unit) != (self._value, self._unit):
            self._value, self._unit = value, unit
            self._measure()

    def set_label(self, label: str) -> None:
        if label != self._label:
            self._label = label
            self._measure()

    def set_role(self, role: str) -> None:
        if role != self._role:
            self._role = role
            self.update()

    def _number_font(self) -> QFont:
        return font(self._size, weight=600 if self._size <= 15 else 500)

    def _unit_font(self) -> QFont:
        return font(11 if self._size <= 15 else 13)

    def _parts(self) -> tuple[float, float, float]:
        """Widths of number, unit with its gap, label."""
        number = QFontMetricsF(self._number_font()).horizontalAdvance(self._value)
        unit = QFontMetricsF(self._unit_font()).horizontalAdvance(self._unit) + 5 if self._unit else 0.0
        return number, unit, QFontMetricsF(font(11)).horizontalAdvance(self._label)

    def _measure(self) -> None:
        number, unit, label = self._parts()
        wide = number + unit + (_GAP + label if self._beside and self._label else 0.0)
        self._widest = max(self._widest, wide if self._beside else max(wide, label))
        self.setAccessibleName(f"{self._label} {self._value} {self._unit}".strip())
        self.updateGeometry()
        self.update()

    def _number_height(self) -> int:
        return {28: 34, 20: 26, 15: 20}.get(self._size, round(self._size * 1.3))

    def sizeHint(self) -> QSize:
        below = 0 if self._beside or not self._label else 16
        return QSize(round(self._widest) + 2, self._number_height() + below)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        number, unit, label = self._parts()
        row = number + unit + (_GAP + label if self._beside and self._label else 0.0)
        x = self.width() - row - 1 if self._right else 0.0
        metrics = QFontMetricsF(self._number_font())
        baseline = (self._number_height() + metrics.capHeight()) / 2
        pieces = [(self._value, self._number_font(), getattr(p, self._role), number)]
        if self._unit:
            pieces.append((self._unit, self._unit_font(), p.muted, unit))
        if self._beside:
            pieces.append((self._label, font(11), p.muted, label))
        for index, (text, chosen, color, width) in enumerate(pieces):
            lead = {1: 5.0 if self._unit else _GAP, 2: _GAP}.get(index, 0.0)
            painter.setFont(chosen)
            painter.setPen(QColor(color))
            painter.drawText(QPointF(x + lead, baseline), text)
            x += width + (lead if text is self._label else 0.0)
        if not self._beside:
            self._paint_label(painter, p.muted)

    def _paint_label(self, painter: QPainter, color: str) -> None:
        painter.setFont(font(11))
        painter.setPen(QColor(color))
        side = Qt.AlignmentFlag.AlignRight if self._right else Qt.AlignmentFlag.AlignLeft
        box = QRectF(0, self._number_height(), self.width(), 16)
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, self._label)
