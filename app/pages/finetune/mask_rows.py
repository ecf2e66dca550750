"""How conversations fill the rows of a batch: each a piece of its own, and the rest padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors

ROWS = 8
_GAP = 4.0


@dataclass(frozen=True)
class Piece:
    """A conversation in a row. number: which one, from 0. tokens: how many places it takes. trained: runs of places,
    (first, last + 1), whose next token is trained."""

    number: int
    tokens: int
    trained: tuple[tuple[int, int], ...] = ()


class PackedRows(QWidget):
    """Rows as wide as the context; a line under what is trained.

    hovered(number): a conversation under the pointer, -1 when it left. clicked(number).
    """

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Sequence[Piece]] = ()
        self._context, self._hover, self._current = 1, -1, -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_rows(self, rows: Sequence[Sequence[Piece]], context: int) -> None:
        self._rows, self._context = rows[:ROWS], max(context, 1)
        self.setAccessibleName(f"{len(self._rows)} rows of {context:,} tokens")
        self.update()

    def set_current(self, number: int) -> None:
        """Frames the conversation that is shown above."""
        self._current = number
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 140)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 60)

    def _boxes(self) -> list[tuple[Piece, QRectF]]:
        found = []
        height = self._row_height()
        for place, row in enumerate(self._rows):
            x, y = 0.0, place * (height + _GAP)
            for piece in row:
                width = piece.tokens / self._context * self.width()
                found.append((piece, QRectF(x, y, max(width - 1.5, 1.5), height)))
                x += width
        return found

    def _row_height(self) -> float:
        return min(max((self.height() - _GAP * (ROWS - 1)) / ROWS, 6.0), 18.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self._row_height()
        for place in range(len(self._rows)):
            rest = QRectF(0, place * (height + _GAP), self.width(), height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(QColor(p.hairline), Qt.BrushStyle.BDiagPattern))
            painter.drawRect(rest)
        for piece, box in self._boxes():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.surface))
            painter.drawRect(box.adjusted(0, 0, 1.5, 0))
            painter.setBrush(QColor(p.chips[piece.number % len(p.chips)]))
            painter.drawRoundedRect(box, 2, 2)
            for first, end in piece.trained:
                left, wide = (share * box.width() / piece.tokens for share in (first, end - first))
                painter.fillRect(QRectF(box.left() + left, box.bottom() - 3, wide, 3), QColor(p.accent))
            if piece.number in (self._hover, self._current):
                painter.setPen(QPen(QColor(p.accent), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 2, 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._number_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        number = self._number_at(event.position())
        if number >= 0:
            self.clicked.emit(number)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def _number_at(self, point: QPointF) -> int:
        return next((piece.number for piece, box in self._boxes() if box.contains(point)), -1)

    def _set_hover(self, number: int) -> None:
        if number != self._hover:
            self._hover = number
            self.hovered.emit(number)
            self.update()
