"""Every head of every layer in one picture, so that patterns can be found by eye."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.attention_mosaic_image import Weights, attention_image, head_side, levels_of

_LEFT, _TOP, _GAP = 24, 20, 2
_SIDE_MOST, _SIDE_LEAST = 72, 8


class AttentionMosaic(QWidget):
    """Rows are layers, columns are heads. picked(layer, head) by click or arrows; marks: a letter on some heads."""

    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weights: NDArray[np.uint8] | None = None
        self._marks: Mapping[tuple[int, int], str] = {}
        self._current = (0, 0)
        self._hover: tuple[int, int] | None = None
        self._image: QImage | None = None
        self._size = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Attention of all heads")

    @property
    def current(self) -> tuple[int, int]:
        return self._current

    def set_weights(
        self,
        weights: Weights | None,
        marks: Mapping[tuple[int, int], str] | None = None,
    ) -> None:
        """weights: [n_layer, n_head, T, T], 0 to 1 or levels of 0..255; None for nothing. The chosen head stays."""
        self._weights = levels_of(weights) if weights is not None else None
        self._marks = marks or {}
        self.updateGeometry()
        if weights is not None:
            self._current = (
                min(self._current[0], weights.shape[0] - 1),
                min(self._current[1], weights.shape[1] - 1),
            )
        self._draw()

    def set_current(self, layer: int, head: int) -> None:
        self._current = (layer, head)
        self.update()

    def sizeHint(self) -> QSize:
        layers, heads = self._weights.shape[:2] if self._weights is not None else (4, 6)
        return QSize(_LEFT + heads * (51 + _GAP), _TOP + layers * (51 + _GAP))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        """As high as the heads become at that width."""
        layers, heads, length = self._weights.shape[:3] if self._weights is not None else (4, 6, 17)
        side = int(min(max((width - _LEFT) / heads - _GAP, _SIDE_LEAST), _SIDE_MOST))
        return int(_TOP + layers * (head_side(int(length), side) + _GAP))

    def head_rect(self, layer: int, head: int) -> QRectF:
        pitch = self._size + _GAP
        return QRectF(_LEFT + head * pitch, _TOP + layer * pitch, self._size, self._size)

    def head_at(self, x: float, y: float) -> tuple[int, int] | None:
        if self._weights is None or x < _LEFT or y < _TOP or not self._size:
            return None
        head, layer = int((x - _LEFT) / (self._size + _GAP)), int((y - _TOP) / (self._size + _GAP))
        layers, heads = self._weights.shape[:2]
        return (layer, head) if layer < layers and head < heads else None

    def _draw(self) -> None:
        """One image for all heads, made anew when weights, size or theme change."""
        self._image = None
        if self._weights is not None and self._weights.size:
            layers, heads, length, _ = self._weights.shape
            across = (self.width() - _LEFT) / heads - _GAP
            down = (self.height() - _TOP) / layers - _GAP
            side = int(min(max(min(across, down), _SIDE_LEAST), _SIDE_MOST))
            palette = colors(self)
            self._image = attention_image(self._weights, side, _GAP, palette.raised, palette.surface)
            self._size = head_side(length, side)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None or self._weights is None:
            return
        palette = colors(self)
        painter = QPainter(self)
        painter.drawImage(_LEFT, _TOP, self._image)
        self._paint_numbers(painter, palette)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, letter in self._marks.items():
            self._paint_mark(painter, palette, place, letter)
        for framed in {self._hover, self._current}:
            if framed is not None:
                painter.setPen(QPen(QColor(palette.accent), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(self.head_rect(*framed).adjusted(-1, -1, 1, 1), 3, 3)

    def _paint_numbers(self, painter: QPainter, palette: Palette) -> None:
        assert self._weights is not None
        painter.setFont(font(11))
        painter.setPen(QColor(palette.muted))
        layers, heads = self._weights.shape[:2]
        skip = 1 if self._size >= 14 else 4
        for head in range(0, heads, skip):
            box = QRectF(self.head_rect(0, head).x(), 0, self._size, _TOP - 4)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(head))
        for layer in range(0, layers, skip):
            box = QRectF(0, self.head_rect(layer, 0).y(), _LEFT - 8, self._size)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, str(layer))

    def _paint_mark(self, painter: QPainter, palette: Palette, place: tuple[int, int], letter: str) -> None:
        head = self.head_rect(*place)
        if head.width() < 30:
            return
        box = QRectF(head.right() - 14, head.top() + 2, 12, 13)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.surface))
        painter.drawRoundedRect(box, 2, 2)
        painter.setFont(font(10, weight=600))
        painter.setPen(QColor(palette.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
        super().changeEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self.head_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self._words(place) if place else "", self)
            return True
        return super().event(event)

    def _words(self, place: tuple[int, int]) -> str:
        kinds = {"P": ", looks at the token before", "I": ", looks for an earlier place like this one"}
        return f"Layer {place[0]}, head {place[1]}{kinds.get(self._marks.get(place, ''), '')}"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self.head_at(event.position().x(), event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.head_at(event.position().x(), event.position().y())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self._pick(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if event.key() not in steps or self._weights is None:
            super().keyPressEvent(event)
            return
        down, right = steps[Qt.Key(event.key())]
        layers, heads = self._weights.shape[:2]
        layer = min(max(self._current[0] + down, 0), layers - 1)
        self._pick((layer, min(max(self._current[1] + right, 0), heads - 1)))

    def _pick(self, place: tuple[int, int]) -> None:
        self.set_current(*place)
        self.picked.emit(*place)

    def _set_hover(self, place: tuple[int, int] | None) -> None:
        if place != self._hover:
            self._hover = place
            self.update()
