"""A dial with what it did: above every value of the slider stand the gaps of the runs that were trained with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from app.pages.train.gap_words import SCALE
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.metric_chart_paint import crisp, dotted
from app.widgets.slider import Dial, Slider

_NEAR = 6.0
_TOP, _FOOT = 8, 14
_SCALE_WIDTH = 24


@dataclass(frozen=True)
class Dot:
    """One run: the dial's value, its gap in nats per token, its name; focus: the run at hand."""

    value: float
    gap: float
    name: str
    focus: bool = False


class DialEffect(QWidget):
    """changed(value) when a person moves the dial: the value is for the next run, not for this one."""

    changed = Signal(float)

    def __init__(self, name: str, high: float, step: float, words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        slider = Slider(0.0, high, 0.0, step=step, name=name, ticks=())
        self.dial = Dial(name, slider, "{:.2f}".format, low="0", high=f"{high:g}")
        self.dial.setToolTip(words)
        self._plot = _Dots(slider)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self.dial)
        self.dial.changed.connect(self.changed)
        self.dial.changed.connect(lambda _: self._plot.update())

    def set_dots(self, dots: Sequence[Dot]) -> None:
        self._plot.dots = tuple(dot for dot in dots if math.isfinite(dot.gap))
        self._plot.update()

    def number(self) -> float:
        return self.dial.number()

    def set_number(self, value: float) -> None:
        self.dial.set_number(value)


class _Dots(QWidget):
    def __init__(self, slider: Slider) -> None:
        super().__init__()
        self._slider = slider
        self.dots: tuple[Dot, ...] = ()
        self.setMinimumHeight(40)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(120, 64)

    def _scale(self) -> tuple[float, float]:
        """The same for every run; only a gap beyond it makes it larger."""
        gaps = [dot.gap for dot in self.dots]
        return min([SCALE[0], *gaps]), max([SCALE[1], *gaps])

    def _y_of(self, gap: float) -> float:
        low, high = self._scale()
        return _TOP + (self.height() - _TOP - _FOOT) * (high - gap) / (high - low)

    def _place(self, dot: Dot) -> QPointF:
        return QPointF(self._slider.x_of(dot.value), self._y_of(dot.gap))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setFont(font(10))
        _, high = self._scale()
        for gap in (0.0, high):
            row = crisp(self._y_of(gap))
            painter.setPen(QPen(QColor(p.hairline), 1))
            painter.drawLine(QLineF(0, row, self.width() - _SCALE_WIDTH, row))
            box = QRectF(self.width() - _SCALE_WIDTH, row - 8, _SCALE_WIDTH, 16)
            painter.setPen(QColor(p.muted))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{gap:.2g}")
        column = crisp(self._slider.x_of(self._slider.number()))
        painter.setPen(dotted(p.border))
        painter.drawLine(QLineF(column, 4, column, self.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for dot in sorted(self.dots, key=lambda dot: dot.focus):
            at = self._place(dot)
            painter.setPen(QPen(QColor(p.focused if dot.focus else p.muted), 1.5))
            painter.setBrush(QColor(p.focused if dot.focus else p.surface))
            painter.drawEllipse(at, 3.5 if dot.focus else 3.0, 3.5 if dot.focus else 3.0)
            if dot.focus:
                right = at.x() + 60 < self.width() - _SCALE_WIDTH
                box = QRectF(at.x() + 8 if right else at.x() - 58, at.y() - 8, 50, 16)
                side = Qt.AlignmentFlag.AlignLeft if right else Qt.AlignmentFlag.AlignRight
                painter.setPen(QColor(p.text))
                painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, f"{dot.gap:+.3f}")

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            near = [dot for dot in self.dots if (self._place(dot) - QPointF(event.pos())).manhattanLength() < _NEAR]
            words = "\n".join(f"{dot.name}: {dot.value:g}, gap {dot.gap:+.3f} nats" for dot in near)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)
