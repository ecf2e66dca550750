"""One tokenizer's cut of the text that is compared."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.tokenizer.comparison import Side
from app.theme.type import L, S
from app.widgets.label import Label
from app.widgets.token_view import TokenView

_SIZE, _LINE, _CHIP = 13, 25, 21
_WIDE = 340


class CompareRow(QWidget):
    """hovered(index), clicked(index): of a token; -1 when the pointer left."""

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side: Side | None = None
        self._has_choice = False
        self.name = Label(size=11, weight=600)
        self.detail = Label(role="muted", size=11)
        self.tokens = _figure()
        self.bytes = _figure()
        self.view = TokenView(size=_SIZE, line_height=_LINE, chip_height=_CHIP)
        self.view.set_scrolling(False)
        self.view.hovered.connect(self.hovered)
        self.view.clicked.connect(self.clicked)
        self.head = QHBoxLayout()
        self.head.setContentsMargins(0, 0, 0, 0)
        self.head.setSpacing(S)
        self.head.addWidget(self.name)
        self.head.addWidget(self.detail)
        self.head.addStretch(1)
        for number, words in ((self.tokens, "tokens"), (self.bytes, "bytes/token")):
            pair = QHBoxLayout()
            pair.setSpacing(4)
            pair.addWidget(number)
            pair.addWidget(Label(words, "muted", 11))
            self.head.addLayout(pair)
            self.head.addSpacing(L - S if words == "tokens" else 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self.head)
        layout.addWidget(self.view)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The figures come first where there is little room."""
        self.detail.setVisible(self.width() >= _WIDE and not self._has_choice)
        super().resizeEvent(event)

    def put_choice(self, choice: QWidget) -> None:
        """Where the name stands: a person can take another tokenizer."""
        self._has_choice = True
        self.name.hide()
        self.detail.hide()
        self.head.insertWidget(0, choice)

    def show_side(self, side: Side) -> None:
        self.side = side
        self.name.setText(side.chosen.name)
        self.detail.setText(side.chosen.detail)
        self.tokens.setText(f"{side.measures.tokens:,}")
        self.bytes.setText(f"{side.measures.bytes_per_token:.2f}")
        self.view.set_tokens(side.chips())
        self.view.set_marked(side.marked)
        self.view.setAccessibleName(f"Tokens of {side.chosen.name}")


def _figure() -> Label:
    return Label(size=13, weight=600)
