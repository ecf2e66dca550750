"""Tokens per word of English, German, code and digits: a group of bars for each, one bar a tokenizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font

_TITLE, _BAR, _GAP, _COLUMN = 20.0, 4.0, 3.0, 24.0


def bar_colors(palette: Palette) -> tuple[str, ...]:
    """The chosen tokenizer first."""
    return palette.accent, palette.muted, palette.validation, palette.danger


class PartBars(QWidget):
    """low: everything in a line or two, for the panel in See; else a bar a line with its tokenizer's name."""

    def __init__(self, *, low: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low = low
        self._names: Sequence[str] = ()
        self._values: Mapping[str, Sequence[float]] = {}
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed if low else QSizePolicy.Policy.Minimum
        )

    def show_values(self, names: Sequence[str], values: Mapping[str, Sequence[float]]) -> None:
        """values: of each part, as many as names; NaN for a part without words."""
        self._names, self._values = names, values
        told = (f"{part}: {' / '.join(map(_number, figures))}" for part, figures in values.items())
        self.setAccessibleName(f"Tokens per word. {'. '.join(told)}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        count = max(len(self._names), 1)
        return QSize(300, round(_TITLE + count * (_BAR + _GAP if self._low else 20)))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._values:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max((v for figures in self._values.values() for v in figures if math.isfinite(v)), default=1.0)
        wide = (self.width() - _COLUMN * (len(self._values) - 1)) / len(self._values)
        for place, (part, figures) in enumerate(self._values.items()):
            box = QRectF(place * (wide + _COLUMN), 0, wide, self.height())
            (self._paint_low if self._low else self._paint_column)(painter, box, part, figures, most)

    def _paint_low(self, painter: QPainter, box: QRectF, part: str, figures: Sequence[float], most: float) -> None:
        p = colors(self)
        _text(painter, box.topLeft(), part, p.text)
        right = " / ".join(map(_number, figures))
        at = QPointF(box.right() - QFontMetricsF(font(11)).horizontalAdvance(right), 0)
        first, *_ = right.split(" / ")
        _text(painter, at, right, p.muted)
        _text(painter, at, first, p.text)
        for place, value in enumerate(figures):
            top = _TITLE + place * (_BAR + _GAP)
            _bar(painter, QRectF(box.left(), top, box.width(), _BAR), value / most, bar_colors(p)[place])

    def _paint_column(self, painter: QPainter, box: QRectF, part: str, figures: Sequence[float], most: float) -> None:
        p, metrics = colors(self), QFontMetricsF(font(11))
        painter.setFont(font(11, weight=600))
        painter.setPen(QColor(p.text))
        painter.drawText(QPointF(box.left(), 12), part)
        room = metrics.horizontalAdvance("00.00") + 6
        for place, value in enumerate(figures):
            top = _TITLE + 4 + place * 20
            _bar(painter, QRectF(box.left(), top + 4, box.width() - room, 6), value / most, bar_colors(p)[place])
            words = _number(value)
            _text(painter, QPointF(box.right() - metrics.horizontalAdvance(words), top), words, p.text)


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _text(painter: QPainter, at: QPointF, text: str, color: str) -> None:
    painter.setFont(font(11))
    painter.setPen(QColor(color))
    painter.drawText(QPointF(at.x(), at.y() + 11), text)


def _bar(painter: QPainter, box: QRectF, share: float, color: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    wide = max(min(share, 1.0) * box.width(), 2.0) if math.isfinite(share) else 0.0
    painter.drawRoundedRect(QRectF(box.left(), box.top(), wide, box.height()), 2, 2)
