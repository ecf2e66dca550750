"""What a text costs: tokens, bytes per token, tokens per word, words in a context."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.pages.tokenizer.cut import Cut
from app.theme.type import L, M
from app.widgets.bar import Bar
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout

CONTEXT = 128
_LARGE = 10_000
OWN = "Your text"
# Python has no words to speak of, and emoji none at all: only prose says how much of it a context holds.
_PROSE = (OWN, "English", "German")


class CountsPanel(Panel):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(16, 12, 16, 12), parent=parent)
        self.setFixedWidth(202)
        self._of = Label(role="muted", size=11)
        self.tokens = Readout("tokens", "0", size=28)
        self.bytes = Readout("bytes", "0", size=20)
        self.characters = Readout("chars", "0", size=20)
        row = QHBoxLayout()
        row.setSpacing(M)
        for readout in (self.tokens, self.bytes, self.characters):
            row.addWidget(readout)
        row.addStretch(1)
        self._table = QWidget()
        self._cuts: Mapping[str, Cut] = {}
        self._low = False
        self.body.addWidget(self._of)
        self.body.addLayout(row)
        self.body.addWidget(self._table)
        self.body.addStretch(1)

    def set_low(self, low: bool) -> None:
        """In a low window the context leaves its room to the rest: Compare tells it as well."""
        if low != self._low:
            self._low = low
            self.show_cuts(self._cuts)

    def show_cuts(self, cuts: Mapping[str, Cut]) -> None:
        """cuts: by name, in order. A text of the person's own is what the large numbers count."""
        self._cuts = cuts
        own = cuts.get(OWN)
        counted = [own] if own else list(cuts.values())
        name = "Your text" if own else "The texts together"
        size = sum(cut.bytes for cut in counted)
        # Three large numbers are too wide to stand side by side.
        self._of.setText(name if size < _LARGE else f"{name}: {size:,} bytes")
        self.tokens.set_value(f"{sum(len(cut.ids) for cut in counted):,}")
        self.bytes.set_value(f"{size:,}")
        self.characters.set_value(f"{sum(len(cut.text) for cut in counted):,}")
        for readout in (self.bytes, self.characters):
            readout.setVisible(size < _LARGE)
        table = QWidget()
        layout = QVBoxLayout(table)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        short = {name.split(" and ")[0]: cut for name, cut in cuts.items()}
        self._add_bars(layout, short)
        words = {name: f"{cut.tokens_per_word:.2f}" for name, cut in short.items() if name != "Emoji" and cut.words}
        _add_rows(layout, "Tokens per word", words)
        held = {name: f"{cut.words_in(CONTEXT):,} words" for name, cut in short.items() if name in _PROSE and cut.words}
        _add_rows(layout, f"A context of {CONTEXT} tokens holds", {} if self._low else held)
        self.body.replaceWidget(self._table, table)
        self._table.hide()
        self._table.deleteLater()
        self._table = table

    def _add_bars(self, layout: QVBoxLayout, cuts: Mapping[str, Cut]) -> None:
        _add_heading(layout, "Bytes per token")
        most = max((cut.bytes_per_token for cut in cuts.values()), default=1.0)
        for name, cut in cuts.items():
            _add_row(layout, name, f"{cut.bytes_per_token:.2f}")
            layout.addWidget(Bar(cut.bytes_per_token / max(most, 1.0)))


def _add_heading(layout: QVBoxLayout, text: str) -> None:
    layout.addSpacing(M)
    layout.addWidget(Hairline())
    layout.addSpacing(L)
    layout.addWidget(Label(text, "muted", 11))
    layout.addSpacing(6)


def _add_rows(layout: QVBoxLayout, heading: str, rows: Mapping[str, str]) -> None:
    if rows:
        _add_heading(layout, heading)
    for name, value in rows.items():
        _add_row(layout, name, value)


def _add_row(layout: QVBoxLayout, name: str, value: str) -> None:
    row = QGridLayout()
    row.setContentsMargins(0, 1, 0, 1)
    row.setColumnStretch(1, 1)
    row.addWidget(Label(name, size=11), 0, 0)
    row.addWidget(Label(value, size=11), 0, 2)
    layout.addLayout(row)
