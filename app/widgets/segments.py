"""A row of choices of which one is on: raised trough, the chosen one on surface."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import PaintedButton, paint_focus, shows_focus


class Segments(QWidget):
    """changed(index) when a person chooses; arrows move the choice. small: 24 px high with 11 px text, for panels."""

    changed = Signal(int)

    def __init__(
        self, names: Sequence[str], current: int = 0, *, small: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(0)
        self._group = QButtonGroup(self)
        for index, name in enumerate(names):
            segment = _Segment(name, small)
            self._group.addButton(segment, index)
            layout.addWidget(segment)
        self.set_current(current)
        self._group.idToggled.connect(self._on_toggled)

    def current(self) -> int:
        return self._group.checkedId()

    def set_current(self, index: int) -> None:
        """Does not emit `changed`."""
        button = self._group.button(index)
        if button is not None:
            blocked = self._group.blockSignals(True)
            button.setChecked(True)
            self._group.blockSignals(blocked)

    def set_enabled(self, index: int, enabled: bool) -> None:
        self._group.button(index).setEnabled(enabled)

    def set_text(self, index: int, text: str) -> None:
        button = self._group.button(index)
        button.setText(text)
        button.updateGeometry()

    def _on_toggled(self, index: int, on: bool) -> None:
        if on:
            self.changed.emit(index)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors(self).raised))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)


class _Segment(PaintedButton):
    def __init__(self, name: str, small: bool) -> None:
        super().__init__()
        self._small = small
        self.setText(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def _font(self, chosen: bool) -> QFont:
        return font(11 if self._small else 13, weight=500 if chosen else 400)

    def sizeHint(self) -> QSize:
        text = QFontMetrics(self._font(True)).horizontalAdvance(self.text())
        return QSize(text + (16 if self._small else 24), 20 if self._small else 26)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.surface))
            painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        lit = self.isChecked() or self.underMouse()
        painter.setPen(QColor(p.text if lit else p.muted) if self.isEnabled() else QColor(p.border))
        painter.setFont(self._font(self.isChecked()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent, 5)
