"""The tokens of one conversation, turn by turn, and the way to the next one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.pages.finetune.mask_block import TurnTokens
from app.pages.finetune.mask_legend import MaskLegend
from app.pages.finetune.mask_shown import SHOWN_TOKENS, Masked
from app.theme.type import M
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine.tokenizer.tokenizer import Tokenizer


class MaskPanel(Panel):
    """hovered(index), clicked(index): of a token; -1 when the pointer left. stepped(by): to another conversation."""

    hovered = Signal(int)
    clicked = Signal(int)
    stepped = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What the model reads", margins=(16, 12, 8, 12), parent=parent)
        self.masked: Masked | None = None
        self.blocks: list[TurnTokens] = []
        self.legend = MaskLegend()
        self.add_control(self.legend)
        self.back = ToolButton("ph.caret-left", "The conversation before (Alt+Left)")
        self.ahead = ToolButton("ph.caret-right", "The next conversation (Alt+Right)")
        self.back.clicked.connect(lambda: self.stepped.emit(-1))
        self.ahead.clicked.connect(lambda: self.stepped.emit(1))
        self.add_control(self.back)
        self.add_control(self.ahead)
        self.note = Label("", "warning", 11, wrap=True)
        self.note.hide()
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 4, 8, 0)
        self._column.setSpacing(M - 2)
        self._column.addStretch(1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inner)
        self.area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        self.body.addWidget(self.note)
        self.body.addWidget(self.area, 1)

    def show_masked(self, tokenizer: Tokenizer, masked: Masked | None, position: int, steps: tuple[int, int]) -> None:
        """position: which conversation, from 0. steps: how many one can step through, and how many there are."""
        reached, total = steps
        self.masked = masked
        self.set_subtitle(f"{position + 1:,} of {total:,}" if total else "")
        self.back.setEnabled(position > 0)
        self.ahead.setEnabled(position + 1 < reached)
        groups = [group for group in masked.groups() if group.first < SHOWN_TOKENS] if masked is not None else []
        while len(self.blocks) < len(groups):
            self._add_block()
        for block in self.blocks[len(groups) :]:
            block.hide()
        for block, group in zip(self.blocks, groups, strict=False):
            assert masked is not None
            end = min(group.end, SHOWN_TOKENS)
            block.show_group(masked, group, [masked.chip(tokenizer, at) for at in range(group.first, end)])
            block.show()
        self._say(masked)
        self.area.verticalScrollBar().setValue(0)

    def say_refused(self, words: str) -> None:
        """In the place of the tokens: why the template does not take this conversation."""
        self.note.setText(words)
        self.note.show()

    def set_current(self, index: int) -> None:
        """Frames one token, in whichever turn it stands, and lets go of all others."""
        for block in self.blocks:
            here = block.isVisibleTo(self) and 0 <= index - block.first < len(block.view.tokens)
            block.view.set_current(index - block.first if here else None)

    def _say(self, masked: Masked | None) -> None:
        words = ""
        if masked is not None and len(masked.ids) > masked.limit:
            over = len(masked.ids) - masked.limit
            words = f"{over:,} tokens stand behind the context of {masked.limit:,}: they are greyed out below."
        if masked is not None and not masked.trained:
            words = f"Nothing of this conversation is trained: no answer stands within {masked.limit:,} tokens. {words}"
        if masked is not None and len(masked.ids) > SHOWN_TOKENS:
            words = f"{words} The first {SHOWN_TOKENS:,} tokens of {len(masked.ids):,} are drawn."
        self.note.setText(words.strip())
        self.note.setVisible(bool(words))

    def _add_block(self) -> None:
        block = TurnTokens()
        block.hovered.connect(self.hovered)
        block.clicked.connect(self.clicked)
        self._column.insertWidget(len(self.blocks), block)
        self.blocks.append(block)
