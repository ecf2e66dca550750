"""A slider over real numbers: track 3 px, knob 14 with a ring of 2, ticks below."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.theme.palette import colors
from app.widgets.label import Label

_KNOB = 7.0
_TRACK_Y = 10.0


class Slider(QSlider):
    """minimum..maximum in steps of `step`; log: the step is a share of a decade and the scale logarithmic.

    changed(value) while it is moved, by hand or by program. ticks: values that get a long mark; without them there
    are 21 marks with long ones at the ends and the middle. Pass ticks=() for none.
    """

    changed = Signal(float)

    def __init__(
        self,
        minimum: float,
        maximum: float,
        value: float,
        *,
        step: float = 0.01,
        log: bool = False,
        ticks: Sequence[float] | None = None,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._log = log
        self._step = step
        self._ticks = ticks
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_range(minimum, maximum)
        self.set_number(value)
        self.valueChanged.connect(lambda _: self.changed.emit(self.number()))

    def set_range(self, minimum: float, maximum: float) -> None:
        self._low, self._high = self._scaled(minimum), self._scaled(maximum)
        count = max(1, round((self._high - self._low) / self._step))
        blocked = self.blockSignals(True)
        self.setRange(0, count)
        self.setPageStep(max(1, count // 10))
        self.blockSignals(blocked)
        self.update()

    def number(self) -> float:
        """The value on the scale, rounded to its step."""
        place = self._low + (self._high - self._low) * self.value() / max(1, self.maximum())
        return 10.0**place if self._log else round(place, 10)

    def set_number(self, value: float) -> None:
        self.setValue(self._position(value))

    def set_ticks(self, ticks: Sequence[float] | None) -> None:
        self._ticks = ticks
        self.update()

    def x_of(self, value: float) -> float:
        """Where a value stands, in pixels from the left edge of the widget."""
        share = (self._scaled(value) - self._low) / ((self._high - self._low) or 1.0)
        return _KNOB + share * (self.width() - 2 * _KNOB)

    def sizeHint(self) -> QSize:
        return QSize(160, 20 if self._ticks is not None and not self._ticks else 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def _position(self, value: float) -> int:
        share = (self._scaled(value) - self._low) / ((self._high - self._low) or 1.0)
        return round(min(max(share, 0.0), 1.0) * self.maximum())

    def _knob_x(self) -> float:
        return _KNOB + self.value() / max(1, self.maximum()) * (self.width() - 2 * _KNOB)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        self.update()

    def _follow(self, event: QMouseEvent) -> None:
        share = (event.position().x() - _KNOB) / max(1.0, self.width() - 2 * _KNOB)
        self.setValue(round(min(max(share, 0.0), 1.0) * self.maximum()))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.raised))
        painter.drawRoundedRect(QRectF(0, _TRACK_Y - 1.5, self.width(), 3), 1.5, 1.5)
        accent = QColor(p.accent if self.isEnabled() else p.border)
        x = self._knob_x()
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(0, _TRACK_Y - 1.5, x, 3), 1.5, 1.5)
        self._paint_ticks(painter, p.border)
        painter.setBrush(QColor(p.surface))
        painter.setPen(QPen(accent, 2))
        painter.drawEllipse(QPointF(x, _TRACK_Y), _KNOB - 1, _KNOB - 1)
        if self.hasFocus():
            painter.setBrush(accent)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QPointF(x, _TRACK_Y), 3, 3)

    def _paint_ticks(self, painter: QPainter, color: str) -> None:
        painter.setPen(QPen(QColor(color), 1))
        if self._ticks is None:
            marks = [(i / 20, 6 if i % 10 == 0 else 3) for i in range(21)]
        else:
            marks = [((self._scaled(t) - self._low) / ((self._high - self._low) or 1.0), 4) for t in self._ticks]
        for share, length in marks:
            x = round(_KNOB + share * (self.width() - 2 * _KNOB)) + 0.5
            painter.drawLine(QPointF(x, _TRACK_Y + 6), QPointF(x, _TRACK_Y + 6 + length))


class Dial(QWidget):
    """A slider with its name, its value at 15 px and a caption under each end."""

    changed = Signal(float)

    def __init__(
        self,
        name: str,
        slider: Slider,
        words: Callable[[float], str],
        *,
        low: str = "",
        high: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """words: the value as it is shown, for example `"{:.2f}".format`."""
        super().__init__(parent)
        self.slider = slider
        self._words = words
        self._value = Label(size=15, weight=600)
        slider.setAccessibleName(slider.accessibleName() or name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(_ends(Label(name), self._value))
        layout.addWidget(slider)
        if low or high:
            layout.addLayout(_ends(Label(low, "muted", 11), Label(high, "muted", 11)))
        slider.changed.connect(self._show)
        slider.changed.connect(self.changed)
        self._show(slider.number())

    def number(self) -> float:
        return self.slider.number()

    def set_number(self, value: float) -> None:
        self.slider.set_number(value)

    def _show(self, value: float) -> None:
        self._value.setText(self._words(value))


def _ends(left: QWidget, right: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(left)
    row.addStretch(1)
    row.addWidget(right)
    return row
