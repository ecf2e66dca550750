"""Ask both models yourself: one question, two answers side by side."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.jobs.engine_thread import EngineThread
from app.jobs.query import Source, Ticket
from app.pages.finetune.ask_queries import Said, ask_base, ask_tuned
from app.theme.type import L, M, S
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.tag import Tag
from engine.errors import CutawayError

BASE, TUNED = "base", "tuned"
_ENDS = {"itself": ("ended by itself", "ok", "ph.check"), "cut": ("did not stop", "warning", "ph.dots-three")}


@dataclass(frozen=True)
class Both:
    """Where the two models are, and what to call them. tuned: None before there is a checkpoint."""

    base: Source
    base_name: str
    tuned: Source | None
    tuned_name: str


class AskPanel(Panel):
    """One's own question. The answers come token by token; a new question cuts them off."""

    def __init__(self, engine: EngineThread, parent: QWidget | None = None) -> None:
        super().__init__("Ask both yourself", parent=parent, margins=(16, 10, 16, 12))
        self._engine = engine
        self._both: Both | None = None
        self._tickets: list[Ticket] = []
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("A question of your own")
        self.edit.setAccessibleName("A question to both models")
        self.edit.setMaxLength(500)
        self.button = Button("Ask both", icon="ph.paper-plane-tilt", tooltip="Greedy answers of both (Enter)")
        self.sides = {
            BASE: _Answer("It goes on with the question as if that were the beginning of a text."),
            TUNED: _Answer("It takes the question as the turn of a chat, answers, and ends by itself."),
        }
        row = QHBoxLayout()
        row.setSpacing(S)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        answers = QHBoxLayout()
        answers.setSpacing(L)
        for side in self.sides.values():
            answers.addWidget(side, 1)
        self.body.addLayout(row)
        self.body.addLayout(answers)
        self.edit.returnPressed.connect(self.ask)
        self.button.clicked.connect(self.ask)
        self.edit.textChanged.connect(lambda _: self._allow())
        self.use(None)

    def use(self, both: Both | None) -> None:
        """Which models are asked from now on."""
        if both == self._both and both is not None:
            return
        self._both = both
        self.sides[BASE].say_name(both.base_name if both else "base")
        self.sides[TUNED].say_name(both.tuned_name if both else "tuned")
        self._allow()

    def ask(self) -> None:
        question, both = self.edit.text().strip(), self._both
        if not question or both is None:
            return
        self.stop()
        queries = [(BASE, ask_base(both.base, question, BASE))]
        if both.tuned is not None:
            queries.append((TUNED, ask_tuned(both.tuned, question, TUNED)))
        for who, query in queries:
            self.sides[who].begin()
            fail = self._fail_base if who == BASE else self._fail_tuned
            self._tickets.append(self._engine.ask(query, self._take, None, fail))

    def stop(self) -> None:
        for ticket in self._tickets:
            ticket.cancel()
        self._tickets = []

    def _take(self, item: object) -> None:
        assert isinstance(item, Said)
        self.sides[item.who].take(item)

    def _fail_base(self, error: CutawayError) -> None:
        self.sides[BASE].fail(error)

    def _fail_tuned(self, error: CutawayError) -> None:
        self.sides[TUNED].fail(error)

    def _allow(self) -> None:
        self.button.setEnabled(self._both is not None and bool(self.edit.text().strip()))


class _Answer(QWidget):
    def __init__(self, at_rest: str) -> None:
        super().__init__()
        self._text = ""
        self.name = Label("", "muted", 11)
        self.tag = Tag("", small=True)
        self.tag.hide()
        self.words = Label(at_rest, "muted", wrap=True)
        self.words.setMinimumHeight(36)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        head = QHBoxLayout()
        head.setSpacing(M)
        head.addWidget(self.name)
        head.addWidget(self.tag)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.words)

    def say_name(self, name: str) -> None:
        self.name.setText(name)

    def begin(self) -> None:
        self.words.set_role("muted")
        self.words.setText("thinking …")
        self.tag.hide()
        self._text = ""

    def take(self, said: Said) -> None:
        self._text += said.text
        self.words.set_role("text")
        self.words.setText(" ".join(self._text.split()) + (" …" if said.ended == "cut" else ""))
        if said.ended:
            self.tag.set(*_ENDS[said.ended])
            self.tag.show()

    def fail(self, error: CutawayError) -> None:
        self.words.set_role("danger")
        self.words.setText(f"{error.what} {error.remedy}")
