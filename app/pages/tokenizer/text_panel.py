"""The texts as chips, below the line where a person types their own."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.tokenizer.counts_panel import OWN
from app.pages.tokenizer.cut import AT_ONCE_CHARACTERS, MOST_BYTES, SHOWN_TOKENS, Cut, cut
from app.pages.tokenizer.edit import Editing
from app.pages.tokenizer.examples import EXAMPLES
from app.pages.tokenizer.linked import Linked
from app.pages.tokenizer.own_text import OwnText
from app.pages.tokenizer.text_block import SCROLLING_TOKENS, TextBlock
from app.theme.type import L, S
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from app.widgets.token_view import CopyForm
from engine.tokenizer.tokenizer import Tokenizer

_COPIED = {CopyForm.TEXT: "{} tokens", CopyForm.IDS: "{} ids", CopyForm.JSON: "{} tokens as JSON"}


class TextPanel(Panel):
    """hovered(block, index), clicked(block, index): of a token; index -1 when the pointer left. scrolled().
    told(sentence): something was done that cannot be seen."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    scrolled = Signal()
    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(16, 14, 8, 12), parent=parent)
        self.editor = OwnText()
        self.written = Segments(("Text", "Bytes"), small=True)
        self.marks = ToolButton("ph.arrow-elbow-down-left", "Show spaces and line ends", size=28, checkable=True)
        self.marks.setChecked(True)
        self._words = Label(role="warning", wrap=True)
        self._words.hide()
        self.own = TextBlock(OWN)
        self.own.hide()
        self.examples = [TextBlock(name) for name, _ in EXAMPLES]
        self._editing: Editing | None = None
        self._linked: Linked | None = None
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(S)
        for widget in (self.editor, self.written, self.marks):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop if widget is not self.editor else Qt.AlignmentFlag(0))
        head.setContentsMargins(0, 0, 8, 0)
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 4, 0, 0)
        self._column.setSpacing(L - 4)
        for block in (self.own, *self.examples):
            self._column.addWidget(block)
        self._column.addStretch(1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inner)
        self.area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        self.body.addLayout(head)
        self.body.addWidget(self._words)
        self.body.addWidget(self.area, 1)

    def _connect(self) -> None:
        for block in (self.own, *self.examples):
            block.hovered.connect(lambda index, block=block: self._on_hovered(block, index))
            block.clicked.connect(lambda index, block=block: self.clicked.emit(block, index))
            block.view.verticalScrollBar().valueChanged.connect(lambda _: self.scrolled.emit())
            block.view.copied.connect(self._on_copied)
        self.area.verticalScrollBar().valueChanged.connect(lambda _: self.scrolled.emit())
        self.written.changed.connect(self._show_written)
        self.marks.toggled.connect(self._show_marks)
        self.editor.selectionChanged.connect(self._select_tokens)
        self.own.view.selected.connect(self._select_text)

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

    def read(self, tokenizer: Tokenizer, text: str) -> bool:
        """Shows a person's text at once where that is quick: a short one, or a small change in a long one. False when
        it is to be cut on the engine thread; what stood here before then stays, if the same tokenizer cut it."""
        if self._editing is None or self._editing.tokenizer is not tokenizer:
            self._editing = Editing(tokenizer)
            self.show_own(tokenizer, None)
        if text and self.own.cut is not None and len(self.own.cut.ids) <= SHOWN_TOKENS:
            edit = self._editing.edit(self.own.cut, text)
            if edit is not None and len(edit.cut.ids) <= SHOWN_TOKENS:
                self.own.show_edit(edit)
                self._settle()
                return True
        if len(text) > AT_ONCE_CHARACTERS:
            return False
        self.show_own(tokenizer, cut(tokenizer, text) if text else None)
        return True

    def show_own(self, tokenizer: Tokenizer, own: Cut | None) -> None:
        """None takes the person's block away."""
        if own is None:
            self.own.cut = None
        else:
            self.own.show_cut(tokenizer, own)
        self._settle()

    def _settle(self) -> None:
        """A long text has the room to itself."""
        own = self.own.cut
        long = own is not None and len(own.ids) > SCROLLING_TOKENS
        self._linked = None
        self.own.setVisible(own is not None)
        for block in self.examples:
            block.setVisible(not long)
        self._column.setStretch(0, int(long))
        self._column.setStretch(self._column.count() - 1, int(not long))

    def _show_written(self, place: int) -> None:
        for block in (self.own, *self.examples):
            block.view.set_bytes(place == 1)
        self.scrolled.emit()

    def _show_marks(self, shown: bool) -> None:
        for block in (self.own, *self.examples):
            block.view.set_show_spaces(shown)
            block.view.set_show_newlines(shown)

    def _on_hovered(self, block: TextBlock, index: int) -> None:
        """The same token lights up in all texts."""
        lit = block.chip(index).token_id if index >= 0 else None
        for other in self.blocks():
            other.view.set_lit(lit)
        self.hovered.emit(block, index)

    def _on_copied(self, form: CopyForm, count: int) -> None:
        self.told.emit(f"{_COPIED[form].format(f'{count:,}')} are on the clipboard.")

    def _select_tokens(self) -> None:
        """What is marked in the editor is marked among the tokens."""
        cursor, linked = self.editor.textCursor(), self._links()
        if linked is not None:
            chosen = linked.tokens(cursor.selectionStart(), cursor.selectionEnd())
            self.own.view.set_selection(chosen.start, chosen.stop)

    def _select_text(self, first: int, end: int) -> None:
        """What is marked among the tokens is marked in the editor."""
        if (linked := self._links()) is not None:
            self.editor.select(*linked.places(first, end))

    def _links(self) -> Linked | None:
        """Between the editor and the tokens; None while the text is not in the editor, or not cut yet."""
        own = self.own.cut
        if own is None or self._editing is None or self.editor.is_held or self.editor.text() != own.text:
            return None
        self._linked = self._linked or Linked(own, self._editing.ends(own))
        return self._linked

    def say(self, sentence: str) -> None:
        self._words.setText(sentence)
        self._words.setVisible(bool(sentence))

    def say_too_long(self, size: int) -> None:
        self.say(
            f"That text has {size / 1e6:,.1f} MB, and this page takes up to {MOST_BYTES // 10**6} MB. "
            "Add it to a corpus: a run counts its tokens without a limit."
        )
