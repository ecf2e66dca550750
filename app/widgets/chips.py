"""Small toggles in a row: several of them can be on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import PaintedButton, paint_focus, shows_focus


class Chips(QWidget):
    """changed() when a person turns one on or off."""

    changed = Signal()

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.chips = {name: _Chip(name) for name in names}
        for chip in self.chips.values():
            row.addWidget(chip)
            chip.clicked.connect(self.changed)

    def chosen(self) -> tuple[str, ...]:
        return tuple(name for name, chip in self.chips.items() if chip.isChecked() and chip.isEnabled())

    def set_chosen(self, names: Iterable[str]) -> None:
        """Does not emit `changed`."""
        wanted = set(names)
        for name, chip in self.chips.items():
            chip.setChecked(name in wanted)

    def set_possible(self, names: Iterable[str]) -> None:
        """The others can be seen and not be turned on."""
        possible = set(names)
        for name, chip in self.chips.items():
            chip.setEnabled(name in possible)


class _Chip(PaintedButton):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.setText(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(font(11, weight=500)).horizontalAdvance(self.text()) + 16, 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on, able = self.isChecked(), self.isEnabled()
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor((p.accent if on else p.border) if able else p.hairline), 1))
        painter.setBrush(QColor(p.soft_accent) if on and able else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, 4, 4)
        painter.setPen(QColor((p.accent if on else p.muted) if able else p.border))
        painter.setFont(font(11, weight=500 if on else 400))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent, 4)
