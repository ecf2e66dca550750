"""Beside the conversations: their kinds, how many turns they have, and what one should know of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.finetune.data_topics import TopicBars
from app.theme.type import L, M, S
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from engine.corpus.conversation import Conversation

WIDTH = 202
_FEW = 5


class FactsPanel(Panel):
    """chosen(topic): only those are wanted; "" for all."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Topics", margins=(8, 12, 8, 12), parent=parent)
        self.layout().itemAt(0).widget().setContentsMargins(8, 0, 8, 0)
        self.setFixedWidth(WIDTH)
        self.bars = TopicBars()
        self.bars.chosen.connect(self.chosen)
        self._none = Label("These carry no topic and no label.", "muted", 11, wrap=True)
        self._table = QWidget()
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.bars)
        self._column.addWidget(self._none)
        self._column.addWidget(self._table)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        self.body.addWidget(area, 1)

    def set_waiting(self) -> None:
        """While they are read nobody knows which topics there are."""
        self._none.hide()

    def show_facts(
        self,
        counts: Mapping[str, int],
        conversations: Sequence[Conversation],
        notices: Sequence[str] = (),
        *,
        labelled: bool = False,
    ) -> None:
        """counts: by topic or label. notices: what a person should know, as sentences."""
        self.set_title("Labels" if labelled else "Topics")
        named = {name: count for name, count in counts.items() if name}
        self.set_subtitle(f"{len(named):,}" if named else "")
        self.bars.show_counts(named, frozenset(name for name, count in named.items() if labelled and count < _FEW))
        self.bars.setVisible(bool(named))
        self._none.setVisible(not named)
        self._none.setContentsMargins(8, 0, 8, 0)
        table = QWidget()
        layout = QVBoxLayout(table)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(0)
        turns = Counter(_turns(conversation) for conversation in conversations)
        if turns:
            _section(layout, "Turns each", {words: f"{count:,}" for words, count in sorted(turns.items())})
        if notices:
            _heading(layout, "Worth knowing")
        for notice in notices:
            layout.addWidget(Label(notice, "warning", 11, wrap=True))
            layout.addSpacing(S)
        self._column.replaceWidget(self._table, table)
        self._table.deleteLater()
        self._table = table


def _turns(conversation: Conversation) -> str:
    count = len(conversation.messages)
    return f"{count} turns" if count < 8 else "8 or more"


def _heading(layout: QVBoxLayout, heading: str) -> None:
    layout.addSpacing(M)
    layout.addWidget(Hairline())
    layout.addSpacing(L)
    layout.addWidget(Label(heading, "muted", 11))
    layout.addSpacing(6)


def _section(layout: QVBoxLayout, heading: str, rows: Mapping[str, str]) -> None:
    _heading(layout, heading)
    for name, value in rows.items():
        row = QGridLayout()
        row.setContentsMargins(0, 1, 0, 1)
        row.setColumnStretch(1, 1)
        row.addWidget(Label(name, size=11), 0, 0)
        shown = Label(value, size=11)
        shown.setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(shown, 0, 2)
        layout.addLayout(row)
