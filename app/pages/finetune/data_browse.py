"""What was found: a list of conversations, the chosen one beside it, and the rows that were not taken."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.pages.finetune.data_bubbles import Bubbles
from app.pages.finetune.data_facts import FactsPanel
from app.pages.finetune.data_list import ConversationList, ConversationModel, kind_words
from app.pages.finetune.data_reading import Look
from app.pages.finetune.data_rejected import RejectedTable
from app.pages.finetune.data_words import compact, shortened
from app.theme.type import M, S
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from app.widgets.tag import Tag
from engine.corpus.conversation import Conversation

TRAIN, HELD_OUT, REJECTED = range(3)
_SIDES = ("train", "held_out", "rejected")
_SEARCH_MS = 120


class Browse(QWidget):
    """chosen(Conversation | None): another one is shown. copied(rows): rejected rows are on the clipboard."""

    chosen = Signal(object)
    copied = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = Look()
        self.sides = Segments(("Train", "Held out", "Rejected"), small=True)
        self.search = QLineEdit()
        self.model = ConversationModel()
        self.list = ConversationList(self.model)
        self.bubbles = Bubbles()
        self.facts = FactsPanel()
        self.rejected = RejectedTable()
        self._none = Label("", "muted", 13, wrap=True)
        self._kind, self._side = Tag("", small=True), Tag("", small=True)
        self._copy = Button("Copy", small=True, icon="ph.copy", tooltip="The chosen rows, or all of them, with tabs")
        self._conversation = Panel("Conversation", margins=(16, 12, 10, 12))
        self._typing = QTimer(self, singleShot=True, interval=_SEARCH_MS)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search in the conversations")
        self.search.setClearButtonEnabled(True)
        self._list_panel = Panel(margins=(12, 12, 6, 8))
        self._list_panel.add_left(self.sides)
        self._list_panel.add_control(self._copy)
        self._pages = QStackedWidget()
        listing = QWidget()
        column = QVBoxLayout(listing)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 6, 0)
        row.addWidget(self.search)
        column.addLayout(row)
        column.addWidget(self._none)
        column.addWidget(self.list, 1)
        self._pages.addWidget(listing)
        self._pages.addWidget(self.rejected)
        self._list_panel.body.addWidget(self._pages, 1)
        self._conversation.add_left(self._kind)
        self._conversation.add_control(self._side)
        self._conversation.body.addWidget(self.bubbles, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self._list_panel, 31)
        layout.addWidget(self._conversation, 47)
        layout.addWidget(self.facts)

    def _connect(self) -> None:
        self.sides.changed.connect(lambda _: self._show_side())
        self.search.textChanged.connect(lambda _: self._typing.start())
        self._typing.timeout.connect(self._filter)
        self.facts.chosen.connect(lambda _: self._filter())
        self.list.chosen.connect(self._show)
        self._copy.clicked.connect(lambda: self.copied.emit(self.rejected.copy()))

    def show_look(self, look: Look) -> None:
        self.look = look
        for side, name in enumerate(("Train", "Held out", "Rejected")):
            count = look.count(_SIDES[side]) + (look.count("duplicates") if side == REJECTED else 0)
            self.sides.set_text(side, f"{name} {compact(count)}" if count else name)
            self.sides.set_enabled(side, bool(count) or side == TRAIN)
        if self.sides.current() != TRAIN and not self._rows():
            self.sides.set_current(TRAIN)
        self.rejected.rows.show(look.rejected)
        self.rejected.fit()
        self._show_side()

    def show_side(self, side: int) -> None:
        self.sides.set_current(side)
        self._show_side()

    @property
    def current(self) -> Conversation | None:
        position = self.list.position()
        return self.model.all[position] if 0 <= position < len(self.model.all) else None

    def _rows(self) -> Sequence[object]:
        return (self.look.train, self.look.held_out, self.look.rejected)[self.sides.current()]

    def _show_side(self) -> None:
        side = self.sides.current()
        wrong = side == REJECTED
        self._pages.setCurrentIndex(1 if wrong else 0)
        self._copy.setVisible(wrong)
        self._conversation.setVisible(not wrong)
        self.facts.setVisible(not wrong)
        if wrong:
            return
        shown = self.look.train if side == TRAIN else self.look.held_out
        counts = self.look.kinds if side == TRAIN else self.look.held_out_kinds
        self.facts.show_facts(counts, shown, self.look.notices, labelled=self.look.labelled)
        self.model.show(shown)
        self._filter()

    def _filter(self) -> None:
        self._typing.stop()
        self.model.filter(self.search.text(), self.facts.bars.current)
        found = self.model.rowCount()
        self._none.setText("" if found else "None of them is like that. Take back the search or the topic.")
        self._none.setVisible(not found and bool(self.model.all))
        self.list.choose(self.model.position(0) if found else -1)
        if not found:
            self._show(-1)

    def _show(self, position: int) -> None:
        found = self.model.all[position] if 0 <= position < len(self.model.all) else None
        said = found.messages[-1].content if found else ""
        others = [text for text in found.accept if text != said] if found else []
        self.bubbles.show_messages(found.messages if found else (), others)
        self._conversation.set_subtitle(shortened(found.source) if found else "")
        self._kind.setVisible(found is not None)
        if found is not None:
            self._kind.set(kind_words(found), "accent")
        held_out = self.sides.current() == HELD_OUT
        self._side.set("held out: only asked, never trained on" if held_out else "trained on", "neutral")
        self._side.setVisible(held_out)
        self.chosen.emit(found)
