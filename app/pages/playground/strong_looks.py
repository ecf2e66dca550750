"""Of one token: which heads look somewhere sharply, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.pages.playground.queries import Looks
from app.theme.palette import cividis, colors
from app.theme.type import font
from app.widgets.token_view_words import visible

_ROW = 24
_HEAD, _TOKEN, _NUMBER = 40, 110, 44


@dataclass(frozen=True)
class StrongLook:
    layer: int
    head: int
    column: int
    token: str
    weight: float


def strongest(looks: Looks, row: int, count: int) -> list[StrongLook]:
    """The heads that look back most sharply from token `row`, one look each, the sharpest first."""
    weights = looks.weights[:, :, row, :row].astype(np.float32)
    if not weights.size:
        return []
    columns = weights.argmax(axis=-1)
    peaks = weights.max(axis=-1)
    order = np.argsort(-peaks, axis=None, kind="stable")[:count]
    found = []
    for layer, head in zip(*np.unravel_index(order, peaks.shape), strict=True):
        column = int(columns[layer, head])
        _, data, text = looks.tokens[column]
        found.append(StrongLook(int(layer), int(head), column, visible(text, data), float(peaks[layer, head])))
    return found


class StrongLooks(QWidget):
    """As many rows as fit. picked(layer, head): one was clicked."""

    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[StrongLook, ...] = ()
        self._current = (0, 0)
        self._hover = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Heads that look back most sharply")

    def show_looks(self, rows: Sequence[StrongLook], current: tuple[int, int]) -> None:
        """current: the head that is shown large."""
        self._rows, self._current = tuple(rows), current
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 8 * _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, look in enumerate(self._rows[: self.height() // _ROW]):
            self._paint_row(painter, look, index)

    def _paint_row(self, painter: QPainter, look: StrongLook, index: int) -> None:
        palette = colors(self)
        top, width = index * _ROW, self.width()
        chosen = (look.layer, look.head) == self._current
        if chosen or index == self._hover:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette.soft_accent if chosen else palette.raised))
            painter.drawRoundedRect(QRectF(-6, top, width + 12, _ROW), 4, 4)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(11))
        painter.setPen(QColor(palette.accent if chosen else palette.muted))
        painter.drawText(QRectF(0, top, _HEAD, _ROW), middle, f"{look.layer}.{look.head}")
        painter.setPen(QColor(palette.text))
        painter.drawText(QRectF(0, top, width, _ROW), middle | Qt.AlignmentFlag.AlignRight, f"{look.weight:.2f}")
        painter.setFont(font(11, fixed=True))
        painter.drawText(QRectF(_HEAD, top, _TOKEN - 6, _ROW), middle, look.token)
        length = max(width - _HEAD - _TOKEN - _NUMBER, 10)
        bar = QRectF(_HEAD + _TOKEN, top + 8, length, 8)
        painter.fillRect(bar, QColor(palette.raised))
        painter.fillRect(QRectF(bar.x(), bar.y(), bar.width() * look.weight, 8), cividis(look.weight))

    def _index_at(self, y: float) -> int:
        index = int(y // _ROW)
        return index if 0 <= index < min(len(self._rows), self.height() // _ROW) else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = self._index_at(event.position().y())
        self.setCursor(Qt.CursorShape.PointingHandCursor if self._hover >= 0 else Qt.CursorShape.ArrowCursor)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().y())
        if index >= 0:
            self.picked.emit(self._rows[index].layer, self._rows[index].head)
