"""The key to the chips: trained, only read, special."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.token_view_colour import Colouring, Shades, TokenChip
from app.widgets.token_view_paint import fill_chip

_TRAINED = TokenChip("", 0, b"", 1.0)
_READ = TokenChip("", 0, b"", 0.0)
_SPECIAL = TokenChip("", 0, b"", 0.0, special=True)
_KEYS = ((_TRAINED, "trained"), (_READ, "only read"), (_SPECIAL, "special"))
_CHIP, _GAP, _NEXT = 18.0, 6.0, 14.0


class MaskLegend(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Filled and underlined: trained. Outlined: only read. Golden: special.")

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(font(11))
        words = sum(metrics.horizontalAdvance(word) for _, word in _KEYS)
        return QSize(round(words + len(_KEYS) * (_CHIP + _GAP) + (len(_KEYS) - 1) * _NEXT) + 2, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shades, metrics, x = Shades(palette), QFontMetricsF(font(11)), 0.0
        painter.setFont(font(11))
        for chip, word in _KEYS:
            fill_chip(painter, QRectF(x, 3, _CHIP, 14), shades.of(chip, 0, chip.value, Colouring.TRAINED))
            painter.setPen(QColor(palette.muted))
            wide = metrics.horizontalAdvance(word)
            painter.drawText(QRectF(x + _CHIP + _GAP, 0, wide + 2, 20), Qt.AlignmentFlag.AlignVCenter, word)
            x += _CHIP + _GAP + wide + _NEXT
