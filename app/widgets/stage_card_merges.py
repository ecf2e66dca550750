"""The picture of a tokenizer that learns: pairs of tokens that became one, as sums of chips."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.token_view_words import visible

_PITCH, _CHIP, _INSET = 26.5, 19.0, 5.0
_LETTER_PITCH = 25.0

Merge = tuple[str, str, str, int]  # left, right, joined, token id


class MergesPicture(QWidget):
    """Merges as (left, right, joined, token id), newest last. Without any: the letters of `before`, each alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._merges: list[Merge] = []
        self._before = ""
        self._hollow = True

    @property
    def rows(self) -> int:
        """How many merges fit."""
        return max(int(self.height() // _PITCH), 1)

    def set_merges(self, merges: Sequence[Merge]) -> None:
        if list(merges) != self._merges:
            self._merges = list(merges)
            self.update()

    def set_letters(self, before: str, *, hollow: bool) -> None:
        """What stands there while there are no merges. hollow: not yet begun."""
        if (before, hollow) != (self._before, self._hollow):
            self._before, self._hollow = before, hollow
            self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 80)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(11, fixed=True))
        p = colors(self)
        if not self._merges:
            self._paint_letters(painter, p)
        shown = self._merges[-self.rows :]
        for index, merge in enumerate(shown):
            age = len(shown) - 1 - index
            self._paint_merge(painter, merge, index * _PITCH + _PITCH / 2, 1 - 0.07 * max(age - 2, 0), p)

    def _paint_merge(self, painter: QPainter, merge: Merge, middle: float, strength: float, p: Palette) -> None:
        left, right, joined, token_id = merge
        ink = mix(p.text, p.surface, strength)
        x = self._chip(painter, left, 0.0, middle, mix(p.chips[0], p.surface, strength), ink)
        x = self._sign(painter, "+", x, middle, p)
        x = self._chip(painter, right, x, middle, mix(p.chips[1], p.surface, strength), ink)
        x = _arrow(painter, x + 7, middle, mix(p.border, p.surface, strength))
        x = self._chip(painter, joined, x, middle, mix(p.chips[2], p.surface, strength), ink)
        if x > self.width() - 30:
            return  # a narrow card: the merge says more than its number
        painter.save()
        painter.setFont(font(11))
        painter.setPen(mix(p.muted, p.surface, strength))
        box = QRectF(0, middle - 10, self.width(), 20)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{token_id:,}")
        painter.restore()

    def _chip(self, painter: QPainter, text: str, x: float, middle: float, fill: QColor, ink: QColor) -> float:
        shown = visible(text)
        width = QFontMetricsF(painter.font()).horizontalAdvance(shown) + 2 * _INSET
        box = QRectF(x, middle - _CHIP / 2, width, _CHIP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(ink)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)
        return box.right()

    def _sign(self, painter: QPainter, sign: str, x: float, middle: float, p: Palette) -> float:
        painter.setPen(QColor(p.muted))
        painter.drawText(QRectF(x, middle - 10, 18, 20), Qt.AlignmentFlag.AlignCenter, sign)
        return x + 18

    def _paint_letters(self, painter: QPainter, p: Palette) -> None:
        pen = QPen(mix(p.border, p.background, 0.55), 1)
        metrics = QFontMetricsF(painter.font())
        width = metrics.horizontalAdvance("m") + 2 * _INSET
        columns = max(int((self.width() + 3) // (width + 3)), 1)
        rows = int(self.height() // _LETTER_PITCH)
        for index, letter in enumerate(self._before[: columns * rows]):
            row, column = divmod(index, columns)
            box = QRectF(column * (width + 3) + 0.5, row * _LETTER_PITCH + 3.5, width, _CHIP)
            painter.setPen(pen if self._hollow else Qt.PenStyle.NoPen)
            painter.setBrush(Qt.BrushStyle.NoBrush if self._hollow else QColor(p.chips[index % len(p.chips)]))
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(QColor(p.muted if self._hollow else p.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, visible(letter))


def _arrow(painter: QPainter, x: float, middle: float, color: QColor) -> float:
    painter.setPen(QPen(color, 1.25))
    tip = QPointF(x + 12, middle)
    painter.drawLine(QPointF(x, middle), tip)
    painter.drawPolyline([tip + QPointF(-3.5, -3.5), tip, tip + QPointF(-3.5, 3.5)])
    return x + 20
