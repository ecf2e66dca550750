"""How the picked token comes about, merge by merge."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.pages.tokenizer.learned import Learned
from app.pages.tokenizer.merge_tree import MergeTree, shown
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.slider import Slider
from engine.tokenizer.merges import MergeStep

NOTHING = "This token is one byte: it was there from the beginning, and nothing was joined to make it."


class ReplayPanel(Panel):
    """`done`: how many merges have happened; a person moves it, and the tree follows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Replay", parent=parent)
        self.data = b""
        self.steps: list[MergeStep] = []
        self.done = 0
        self.back = ToolButton("ph.caret-left", "One merge back")
        self.forth = ToolButton("ph.caret-right", "One merge further")
        self.slider = Slider(0, 1, 1, step=1, ticks=(), name="Merges done")
        self.tree = MergeTree()
        self._words = Label(role="muted", wrap=True)
        self.add_control(self.back)
        self.add_control(self.forth)
        self.body.addWidget(self._words)
        self.body.addWidget(self.tree, 1)
        self.body.addWidget(self.slider)
        self.back.clicked.connect(lambda: self.slider.set_number(self.done - 1))
        self.forth.clicked.connect(lambda: self.slider.set_number(self.done + 1))
        self.slider.changed.connect(lambda number: self._go(round(number)))

    def show_token(self, learned: Learned, token_id: int) -> None:
        """Begins with all merges done: the token stands on top."""
        self.data, self.steps = learned.tokenizer.token_bytes(token_id), learned.steps(token_id)
        self.tree.show_merges(self.data, self.steps)
        count = len(self.steps)
        for widget in (self.tree, self.slider, self.back, self.forth):
            widget.setVisible(count > 0)
        self._words.setText("" if count else NOTHING)
        self._words.setVisible(not count)
        self.slider.set_range(0, max(count, 1))
        self.slider.set_ticks(range(count + 1))
        self.slider.set_number(count)
        self._go(count)

    def _go(self, done: int) -> None:
        self.done = done
        self.tree.set_done(done)
        self.back.setEnabled(done > 0)
        self.forth.setEnabled(done < len(self.steps))
        self.set_subtitle(self._sentence())

    def _sentence(self) -> str:
        count = len(self.steps)
        if not count:
            return shown(self.data)
        if not self.done:
            return f"{len(self.data)} single bytes, before the first of {count} merges"
        step = self.steps[self.done - 1]
        left, right = shown(self.data[step.start : step.middle]), shown(self.data[step.middle : step.end])
        return f"merge {self.done} of {count} joins {left} and {right}, learned as number {step.rank + 1:,}"
