"""The texts as chips, below the line where a person types their own."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.pages.tokenizer.counts_panel import OWN
from app.pages.tokenizer.cut import MOST_BYTES, Cut, cut
from app.pages.tokenizer.examples import EXAMPLES
from app.pages.tokenizer.own_text import OwnText
from app.pages.tokenizer.text_block import TextBlock
from app.theme.type import L
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine.tokenizer.tokenizer import Tokenizer


class TextPanel(Panel):
    """hovered(block, index), clicked(block, index): of a token; index -1 when the pointer left. scrolled()."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    scrolled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(16, 14, 8, 12), parent=parent)
        self.editor = OwnText()
        self._words = Label(role="warning", wrap=True)
        self._words.hide()
        self.own = TextBlock(OWN)
        self.own.hide()
        self.examples = [TextBlock(name) for name, _ in EXAMPLES]
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(L - 4)
        for block in (self.own, *self.examples):
            column.addWidget(block)
            block.hovered.connect(lambda index, block=block: self.hovered.emit(block, index))
            block.clicked.connect(lambda index, block=block: self.clicked.emit(block, index))
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inner)
        self.area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        self.area.verticalScrollBar().valueChanged.connect(lambda _: self.scrolled.emit())
        self.body.addWidget(self.editor)
        self.body.addWidget(self._words)
        self.body.addWidget(self.area, 1)

    @property
    def said(self) -> str:
        """The sentence under the editor; empty when nothing is in the way."""
        return self._words.text()

    def blocks(self) -> list[TextBlock]:
        """Those with a text, in order."""
        return [block for block in (self.own, *self.examples) if block.cut is not None]

    def show_examples(self, tokenizer: Tokenizer) -> None:
        for block, (_, text) in zip(self.examples, EXAMPLES, strict=True):
            block.show_cut(tokenizer, cut(tokenizer, text))

    def show_own(self, tokenizer: Tokenizer, own: Cut | None) -> None:
        """None takes the person's block away."""
        if own is None:
            self.own.cut = None
        else:
            self.own.show_cut(tokenizer, own)
        self.own.setVisible(own is not None)

    def say(self, sentence: str) -> None:
        self._words.setText(sentence)
        self._words.setVisible(bool(sentence))

    def say_too_long(self, size: int) -> None:
        self.say(
            f"That text has {size / 1e6:.1f} MB, and this page takes up to {MOST_BYTES // 10**6} MB. "
            "Add it to a corpus: a run counts its tokens without a limit."
        )
