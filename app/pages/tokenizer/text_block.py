"""One text as chips under its name and its figures."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QRect, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.tokenizer.cut import SHOWN_TOKENS, Cut, chip_of
from app.pages.tokenizer.edit import Edit
from app.theme.type import S
from app.widgets.label import Label
from app.widgets.token_view import TokenChip, TokenView
from engine.tokenizer.tokenizer import Tokenizer

SCROLLING_TOKENS = 2000


class TextBlock(QWidget):
    """hovered(index), clicked(index): of a token; -1 when the pointer left."""

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.cut: Cut | None = None
        self.view = TokenView()
        self.view.setAccessibleName(f"Tokens of {name}")
        self.view.set_scrolling(False)
        self.view.set_links(True)
        self.view.hovered.connect(self.hovered)
        self.view.clicked.connect(self.clicked)
        self._figures = Label(role="muted", size=11)
        self._rest = Label(role="muted", size=11, wrap=True)
        self._rest.hide()
        head = QHBoxLayout()
        head.setContentsMargins(3, 0, 0, 0)
        head.setSpacing(S)
        head.addWidget(Label(name, size=11, weight=600))
        head.addWidget(self._figures)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.view)
        layout.addWidget(self._rest)

    @property
    def figures(self) -> str:
        return self._figures.text()

    @property
    def rest(self) -> str:
        """What is said about tokens that are not drawn; empty when all are."""
        return self._rest.text()

    def show_cut(self, tokenizer: Tokenizer, cut: Cut) -> None:
        """A long text scrolls by itself, and never asks for the height of all of it; a short one is as high as it
        needs to be."""
        if len(cut.ids) > SCROLLING_TOKENS:
            self.view.set_scrolling(True)
        self.view.set_ids(cut.ids[:SHOWN_TOKENS], partial(chip_of, tokenizer))
        self._set_cut(cut)

    def show_edit(self, edit: Edit) -> None:
        """What a person changed in the text that stands here."""
        self.view.replace_ids(edit.first, edit.end, edit.ids)
        self._set_cut(edit.cut)

    def _set_cut(self, cut: Cut) -> None:
        self.cut = cut
        count = len(cut.ids)
        self.view.set_scrolling(count > SCROLLING_TOKENS)
        noun = "token" if count == 1 else "tokens"
        self._figures.setText(f"{count:,} {noun}, {cut.bytes_per_token:.2f} bytes each")
        more = count > SHOWN_TOKENS
        self._rest.setText(f"The first {SHOWN_TOKENS:,} tokens are drawn; all {count:,} are counted." if more else "")
        self._rest.setVisible(more)

    def chip(self, index: int) -> TokenChip:
        return self.view.tokens[index]

    def rect_of(self, index: int, ancestor: QWidget) -> QRect:
        """Where a token stands, in the coordinates of a widget around this one."""
        rect = self.view.token_rect(index)
        return QRect(self.view.viewport().mapTo(ancestor, QPoint(rect.x(), rect.y())), rect.size())
