"""One turn as the model sees it: its role in the margin, its tokens as chips."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.pages.tokenizer.template_query import Turn
from app.theme.palette import colors
from app.theme.type import S, font
from app.widgets.label import Label
from app.widgets.token_view import Colouring, TokenChip, TokenView
from app.widgets.token_view_colour import Shades
from app.widgets.token_view_paint import fill_chip

_MARGIN = 92
_KEYS = (
    (TokenChip("", 0, b"", 1.0), "trained"),
    (TokenChip("", 0, b"", 0.0), "only read"),
    (TokenChip("", 0, b"", 0.0, special=True), "special"),
)
_CHIP, _GAP, _NEXT = 18.0, 6.0, 14.0


class TemplateTurn(QWidget):
    """hovered(chip | None): a token under the pointer."""

    hovered = Signal(object)

    def __init__(self, turn: Turn, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = TokenView(line_height=29)
        self.view.set_colouring(Colouring.TRAINED)
        self.view.set_scrolling(False)
        self.view.set_tokens(turn.chips)
        self.view.setAccessibleName(f"Tokens of {turn.role}")
        self.view.hovered.connect(lambda at: self.hovered.emit(self.view.tokens[at] if at >= 0 else None))
        margin = QWidget()
        margin.setFixedWidth(_MARGIN)
        column = QVBoxLayout(margin)
        column.setContentsMargins(0, 5, 0, 0)
        column.setSpacing(1)
        column.addWidget(Label(turn.role, "accent" if turn.trained else "muted", weight=500))
        count = f"{turn.trained} of {len(turn.chips)} trained" if turn.trained else f"{len(turn.chips)} read"
        column.addWidget(Label(count, "muted", 11))
        column.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addWidget(margin, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.view, 1)


class TrainedLegend(QWidget):
    """The key to the chips."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Filled and underlined: trained. Outlined: only read. Golden: special.")

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(font(11))
        wide = sum(metrics.horizontalAdvance(word) + _CHIP + _GAP + _NEXT for _, word in _KEYS)
        return QSize(round(wide - _NEXT) + 2, 20)

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
