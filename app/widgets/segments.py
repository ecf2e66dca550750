"""A row of choices of which one is on: raised trough, the chosen one on surface."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import PaintedButton, paint_focus, shows_focus
from app.widgets.progress_ring import paint_ring


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
            segment = self._make(index, name, small)
            self._group.addButton(segment, index)
            layout.addWidget(segment)
        self.set_current(current)
        self._group.idToggled.connect(self._on_toggled)

    def _make(self, index: int, name: str, small: bool) -> _Segment:
        return _Segment(name, small)

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
        self._paint_content(painter, QColor((p.text if lit else p.muted) if self.isEnabled() else p.border))
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent, 5)

    def _paint_content(self, painter: QPainter, ink: QColor) -> None:
        painter.setPen(ink)
        painter.setFont(self._font(self.isChecked()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class Steps(Segments):
    """Segments that are the steps of one way, each with its number or, in its place, how it is."""

    def _make(self, index: int, name: str, small: bool) -> _Segment:
        return _Step(index + 1, name, small)

    def set_mark(self, index: int, mark: str, words: str = "", share: float = 0.0) -> None:
        """mark: "" for the number alone, or one of MARKS. words: the tooltip, and what a screen reader adds.
        share: how far it is, 0 to 1, while it is running."""
        step = self._group.button(index)
        assert isinstance(step, _Step)
        step.set_mark(mark, words, round(share, 2))


MARKS = {
    "ready": ("", "ok"),
    "problem": ("ph.warning", "warning"),
    "failed": ("ph.warning-octagon", "danger"),
    "running": ("ring", "accent"),
    "paused": ("ph.pause", "warning"),
    "done": ("ph.check-circle", "ok"),
}


class _Step(_Segment):
    _MARK = 15

    def __init__(self, number: int, name: str, small: bool) -> None:
        super().__init__(name, small)
        self._number, self._mark, self._share = number, "", 0.0

    def set_mark(self, mark: str, words: str, share: float) -> None:
        if (mark, share) != (self._mark, self._share):
            self._mark, self._share = mark, share
            self.update()
        self.setToolTip(words)
        self.setAccessibleName(f"{self._number}. {self.text()}{f': {words}' if words else ''}")

    def sizeHint(self) -> QSize:
        plain = super().sizeHint()
        return QSize(plain.width() + self._MARK + 5, plain.height())

    def _paint_content(self, painter: QPainter, ink: QColor) -> None:
        icon, role = MARKS.get(self._mark, ("", "muted"))
        box = QRectF(10, (self.height() - self._MARK) / 2, self._MARK, self._MARK)
        color = QColor(getattr(colors(self), role)) if self.isEnabled() else ink
        if icon == "ring":
            paint_ring(painter, box.adjusted(1, 1, -1, -1), self._share, 0.0, color.name(), colors(self).border)
        elif icon:
            paint_icon(painter, box, icon, color.name(), bold=True)
        else:
            painter.setPen(QPen(color, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(box.adjusted(0.5, 0.5, -0.5, -0.5))
            painter.setFont(font(10, weight=600))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(self._number))
        painter.setPen(ink)
        painter.setFont(self._font(self.isChecked()))
        left = box.right() + 5
        text = QRectF(left, 0, self.width() - left, self.height())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, self.text())
