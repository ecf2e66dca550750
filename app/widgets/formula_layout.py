"""Boxes of a formula: measured once, painted anywhere.

A box has a width, a height above and a depth below its baseline. All measures in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from app.theme.type import font

_SMALLER = 0.72


class Box:
    width: float = 0.0
    ascent: float = 0.0
    descent: float = 0.0

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        """Draws in the painter's pen."""


def serif(size: float, italic: bool) -> QFont:
    chosen = font(15, serif=True, italic=italic)
    chosen.setPixelSize(max(8, round(size)))
    return chosen


class Word(Box):
    """Letters stand in italics, numbers, operators and names of functions upright."""

    def __init__(self, text: str, size: float, italic: bool) -> None:
        self._text = text
        self._font = serif(size, italic)
        metrics = QFontMetricsF(self._font)
        self.width = metrics.horizontalAdvance(text)
        tight = metrics.tightBoundingRect(text)
        self.ascent = max(metrics.capHeight(), -tight.top())
        self.descent = max(0.0, tight.bottom())

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        painter.setFont(self._font)
        painter.drawText(QPointF(x, baseline), self._text)


class Space(Box):
    def __init__(self, width: float) -> None:
        self.width = width


class Row(Box):
    def __init__(self, boxes: list[Box]) -> None:
        self._boxes = boxes
        self.width = sum(box.width for box in boxes)
        self.ascent = max((box.ascent for box in boxes), default=0.0)
        self.descent = max((box.descent for box in boxes), default=0.0)

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        for box in self._boxes:
            box.paint(painter, x, baseline)
            x += box.width


class Fraction(Box):
    def __init__(self, above: Box, below: Box, size: float) -> None:
        self._above, self._below = above, below
        self._axis = QFontMetricsF(serif(size, False)).capHeight() * 0.40
        self._gap = size * 0.38
        self.width = max(above.width, below.width) + size * 0.5
        self.ascent = self._axis + self._gap + above.descent + above.ascent
        self.descent = -self._axis + self._gap + below.ascent + below.descent

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        line = round(baseline - self._axis) + 0.5
        painter.drawLine(QLineF(x + 1, line, x + self.width - 1, line))
        for box, base in (
            (self._above, line - self._gap - self._above.descent),
            (self._below, line + self._gap + self._below.ascent),
        ):
            box.paint(painter, x + (self.width - box.width) / 2, base)


class Scripted(Box):
    """A base with something small below or above its right edge."""

    def __init__(self, base: Box, below: Box | None, above: Box | None, size: float) -> None:
        self._base, self._below, self._above = base, below, above
        self._drop = base.descent * 0.5 + size * 0.2
        self._lift = max(size * 0.38, base.ascent - size * 0.28)
        widths = [box.width for box in (below, above) if box]
        self.width = base.width + max(widths, default=0.0) + 1
        self.ascent = max(base.ascent, self._lift + above.ascent if above else 0.0)
        self.descent = max(base.descent, self._drop + below.descent if below else 0.0)

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        self._base.paint(painter, x, baseline)
        if self._below:
            self._below.paint(painter, x + self._base.width + 0.5, baseline + self._drop)
        if self._above:
            self._above.paint(painter, x + self._base.width + 0.5, baseline - self._lift)


class Root(Box):
    def __init__(self, inner: Box, size: float) -> None:
        self._inner = inner
        self._hook = size * 0.55
        self.width = self._hook + inner.width + 2
        self.ascent = inner.ascent + size * 0.2
        self.descent = inner.descent

    def paint(self, painter: QPainter, x: float, baseline: float) -> None:
        top, bottom = baseline - self.ascent, baseline + self.descent
        pen = QPen(painter.pen())
        painter.setPen(QPen(pen.color(), 1.1))
        middle = bottom - (bottom - top) * 0.42
        painter.drawPolyline(
            QPolygonF(
                [
                    QPointF(x, middle + 1),
                    QPointF(x + self._hook * 0.25, middle),
                    QPointF(x + self._hook * 0.55, bottom),
                    QPointF(x + self._hook * 0.95, top),
                    QPointF(x + self.width, top),
                ]
            )
        )
        painter.setPen(pen)
        self._inner.paint(painter, x + self._hook, baseline)


@dataclass(frozen=True)
class Style:
    """size: of the letters, pixels."""

    size: float

    @property
    def script(self) -> Style:
        return Style(self.size * _SMALLER)
