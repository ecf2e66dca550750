"""One head, large, over the tokens: each row shows where a token looks back to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.attention_mosaic_image import attention_image

_CELL_MOST, _CELL_LEAST, _CELL_WITH_GRID = 22, 2, 6
_LABEL_PITCH = 12
_NAME_HEIGHT = 16
_LABEL_ANGLE = -62.0


class AttentionHead(QWidget):
    """row_picked(row): clicked or moved to by arrows. cell_hovered(row, column), (-1, -1) when none is."""

    row_picked = Signal(int)
    cell_hovered = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: tuple[str, ...] = ()
        self._weights: NDArray[np.floating] = np.zeros((0, 0), dtype=np.float16)
        self._row = 0
        self._hover: tuple[int, int] | None = None
        self._image: QImage | None = None
        self._cell = _CELL_MOST
        self._left = self._below = self._above = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Attention of one head")

    @property
    def row(self) -> int:
        return self._row

    def show_head(self, tokens: Sequence[str], weights: NDArray[np.floating], row: int) -> None:
        """tokens: T names as they are shown ("␣in"). weights: [T, T], 0 to 1. row: the token whose look is explained.

        Raises ValueError when tokens and weights do not belong together.
        """
        if weights.shape != (len(tokens), len(tokens)):
            raise ValueError(f"{len(tokens)} tokens and weights of shape {weights.shape}")
        self._tokens, self._weights = tuple(tokens), weights
        self._row = min(max(row, 0), len(tokens) - 1) if tokens else 0
        if self._hover is not None and self._hover[0] >= len(tokens):
            self._hover = None  # else the pointer rests where it was, and so does what is said of that cell
        self._draw()

    def set_row(self, row: int) -> None:
        if 0 <= row < len(self._tokens):
            self._row = row
            self._describe()
            self.update()

    def looked_at(self) -> tuple[int, int]:
        """The cell that the callout explains: under the pointer, else where the picked row looks most."""
        if self._hover is not None:
            return self._hover
        return self._row, int(self._weights[self._row, : self._row + 1].argmax())

    def words(self) -> tuple[str, str]:
        """The callout: who looks where, and how much."""
        row, column = self.looked_at()
        weight = f"weight {float(self._weights[row, column]):.2f}"
        if row == column:
            return f"{self._tokens[row]} looks at itself", weight
        back = row - column
        return (
            f"{self._tokens[row]} looks back at {self._tokens[column]}",
            f"{weight}, {back} token{'s' if back > 1 else ''} back",
        )

    def sizeHint(self) -> QSize:
        return QSize(380, 360)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 180)

    def cell_rect(self, row: int, column: int) -> QRectF:
        top = self._above + row * self._cell
        return QRectF(self._left + column * self._cell, top, self._cell, self._cell)

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """A cell on or below the diagonal."""
        row, column = int((y - self._above) // self._cell), int((x - self._left) // self._cell)
        return (row, column) if 0 <= column <= row < len(self._tokens) else None

    def _draw(self) -> None:
        self._image = None
        if self._tokens:
            self._measure()
            palette = colors(self)
            grid = 1 if self._cell >= _CELL_WITH_GRID else 0
            side = self._cell * len(self._tokens)
            weights = self._weights[None, None]
            self._image = attention_image(weights, side, 0, palette.surface, palette.surface, grid)
            self._describe()
        self.update()

    def _measure(self) -> None:
        """Room for the names, then the largest whole cell that fits."""
        metrics = QFontMetricsF(font(11, fixed=True))
        longest = min(max(metrics.horizontalAdvance(token) for token in self._tokens), 110.0)
        self._left = round(longest) + 8
        self._below = round(longest * 0.9) + 16
        room = min(self.width() - self._left - 2, self.height() - self._below - 6)
        self._cell = min(max(int(room / len(self._tokens)), _CELL_LEAST), _CELL_MOST)
        self._above = max((_NAME_HEIGHT - self._cell) // 2, 1)

    def _describe(self) -> None:
        self.setAccessibleDescription(", ".join(self.words()) if self._tokens else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        palette = colors(self)
        painter = QPainter(self)
        painter.drawImage(self._left, self._above, self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row, column = self.looked_at()
        self._paint_names(painter, palette, row, column)
        frame = self.cell_rect(self._row, 0).united(self.cell_rect(self._row, len(self._tokens) - 1))
        painter.setPen(QPen(QColor(palette.accent), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame.adjusted(-1, -1, 0, 0))
        if self._hover is not None:
            painter.drawRect(self.cell_rect(row, column).adjusted(-1, -1, 0, 0))
        self._paint_callout(painter, palette, row, column)

    def _paint_names(self, painter: QPainter, palette: Palette, row: int, column: int) -> None:
        """Beside the rows and, slanted, below the columns; where cells are small only some, the picked ones always."""
        painter.setFont(font(11, fixed=True) if self._cell >= _LABEL_PITCH else font(10, fixed=True))
        step = -(-_LABEL_PITCH // self._cell)
        bottom = self._above + len(self._tokens) * self._cell
        metrics = QFontMetricsF(painter.font())
        for index, token in enumerate(self._tokens):
            middle = (index + 0.5) * self._cell
            level = self._above + middle
            shown = metrics.elidedText(token, Qt.TextElideMode.ElideRight, self._left - 8)
            if index == row or (index % step == 0 and abs(index - row) >= step):
                painter.setPen(QColor(palette.accent if index == row else palette.text))
                box = QRectF(0, level - 8, self._left - 6, _NAME_HEIGHT)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)
            if index == column or (index % step == 0 and abs(index - column) >= step):
                painter.setPen(QColor(palette.accent if index == column else palette.text))
                painter.save()
                painter.translate(self._left + middle + 4, bottom + 8)
                painter.rotate(_LABEL_ANGLE)
                width = metrics.horizontalAdvance(shown)
                painter.drawText(QPointF(-width, 3), shown)
                painter.restore()

    def _paint_callout(self, painter: QPainter, palette: Palette, row: int, column: int) -> None:
        box = self._callout_rect()
        cell = self.cell_rect(row, column)
        anchor_x, level = cell.center().x(), box.center().y()
        if anchor_x < box.left():
            leader = [QPointF(box.left(), level), QPointF(anchor_x, level), QPointF(anchor_x, cell.top())]
        else:
            leader = [QPointF(anchor_x, box.bottom()), QPointF(anchor_x, max(cell.top(), box.bottom()))]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((palette.surface, 3.0), (palette.accent, 1.0)):  # a casing, to be seen on dark cells
            painter.setPen(QPen(QColor(color), width))
            painter.drawPolyline(QPolygonF(leader))
        painter.setPen(QPen(QColor(palette.border), 1))
        painter.setBrush(QColor(palette.raised))
        painter.drawRoundedRect(box, 6, 6)
        first, second = self.words()
        painter.setFont(font(11, weight=600))
        painter.setPen(QColor(palette.text))
        painter.drawText(box.adjusted(10, 6, -8, 0), Qt.AlignmentFlag.AlignTop, first)
        painter.setFont(font(11))
        painter.setPen(QColor(palette.muted))
        painter.drawText(box.adjusted(10, 0, -8, -6), Qt.AlignmentFlag.AlignBottom, second)

    def _callout_rect(self) -> QRectF:
        """In the empty triangle above the diagonal, as low as the words allow."""
        first, second = self.words()
        width = max(
            QFontMetricsF(font(11, weight=600)).horizontalAdvance(first),
            QFontMetricsF(font(11)).horizontalAdvance(second),
        )
        width, height = width + 22, 44.0
        left = self.width() - width - 1
        free = left - self._left - height - 4  # the diagonal runs down one pixel for each to the right
        return QRectF(left + 0.5, min(max(free, 0.0), 2 * self._cell) + 0.5, width, height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
        super().changeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self.cell_at(event.position().x(), event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = int((event.position().y() - self._above) // self._cell)
        if event.button() == Qt.MouseButton.LeftButton and 0 <= row < len(self._tokens):
            self._pick(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step and self._tokens:
            self._pick(min(max(self._row + step, 0), len(self._tokens) - 1))
        else:
            super().keyPressEvent(event)

    def _pick(self, row: int) -> None:
        self.set_row(row)
        self.row_picked.emit(row)

    def _set_hover(self, cell: tuple[int, int] | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.update()
            self.cell_hovered.emit(*(cell or (-1, -1)))
