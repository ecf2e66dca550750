"""How long the conversations are, as bars, with the context as a line."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors, mix
from app.theme.type import font

_BARS, _HEIGHT, _FOOT = 24, 86, 16.0


class Lengths(QWidget):
    """Bars beyond the context are those that do not fit: hollow, in the colour of a warning."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: list[int] = []
        self._step, self._context = 1, 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_lengths(self, lengths: Sequence[int], context: int) -> None:
        """lengths: tokens of each conversation. context: tokens that the model sees at once."""
        longest = max([*lengths, context, 1])
        self._context = context
        self._step = -(-longest // _BARS)
        self._counts = [0] * _BARS
        for length in lengths:
            self._counts[min(length // self._step, _BARS - 1)] += 1
        over = sum(length > context for length in lengths)
        self.setAccessibleName(
            f"Lengths of {len(lengths):,} conversations; {over:,} are longer than {context:,} tokens"
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(170, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max(self._counts, default=0)
        if not most:
            return
        floor, width = _HEIGHT - _FOOT, self.width() / _BARS
        painter.setPen(QPen(QColor(p.hairline), 1))
        painter.drawLine(QPointF(0, floor), QPointF(self.width(), floor))
        line = self._context / self._step * width
        for bar, count in enumerate(self._counts):
            if count:
                height = max(count / most * (floor - 6), 1.5)
                box = QRectF(bar * width + 0.5, floor - height, width - 1.5, height)
                beyond = bar * self._step >= self._context
                painter.setPen(QPen(QColor(p.warning), 1) if beyond else Qt.PenStyle.NoPen)
                painter.setBrush(QColor(p.soft_warning) if beyond else mix(p.accent, p.surface, 0.72))
                painter.drawRect(box)
        painter.setPen(QPen(QColor(p.text), 1.5))
        painter.drawLine(QPointF(line, 2), QPointF(line, floor))
        painter.setFont(font(10))
        painter.setPen(QColor(p.muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, floor, 40, _FOOT), middle, "0")
        place = min(max(line - 60, 0), self.width() - 120)
        side = middle | (
            Qt.AlignmentFlag.AlignHCenter if 60 < line < self.width() - 60 else Qt.AlignmentFlag.AlignRight
        )
        painter.drawText(QRectF(place, floor, 120, _FOOT), side, f"{self._context:,}, the context")
