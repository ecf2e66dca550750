"""How many tokens, how many of them trained; how many conversations fit the context, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from app.pages.finetune.mask_lengths import Lengths
from app.pages.finetune.mask_shown import Masked
from app.pages.finetune.template_query import Counted
from app.theme.type import L, M
from app.widgets.bar import Bar
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout

WIDTH = 222
_RULES = {
    "truncate": "What is longer loses its end: too_long is “truncate”.",
    "drop": "What is longer is left out: too_long is “drop”.",
}


class MaskCounts(Panel):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(16, 12, 16, 12), parent=parent)
        self.setFixedWidth(WIDTH)
        self.tokens = Readout("tokens", "0", size=28)
        self.trained = Readout("trained", "0", size=20, role="accent")
        self.turns = Readout("turns", "0", size=20)
        self.share = Bar(width=WIDTH - 34)
        self._share_words = Label("", "muted", 11)
        self.lengths = Lengths()
        self._heading = Label("", "muted", 11)
        self._rule = Label("", "muted", 11, wrap=True)
        self._rows = MaskRows()
        row = QHBoxLayout()
        row.setSpacing(M)
        for readout in (self.tokens, self.trained, self.turns):
            row.addWidget(readout)
        row.addStretch(1)
        self.body.addWidget(Label("This conversation", "muted", 11))
        self.body.addLayout(row)
        self.body.addWidget(self.share)
        self.body.addWidget(self._share_words)
        self.body.addSpacing(M - 4)
        self.body.addWidget(Hairline())
        self.body.addSpacing(M - 4)
        self.body.addWidget(self._heading)
        self.body.addWidget(self.lengths)
        self.body.addWidget(self._rows)
        self.body.addWidget(self._rule)
        self.body.addStretch(1)

    def show_masked(self, masked: Masked | None) -> None:
        tokens, trained = (masked.seen, masked.trained) if masked is not None else (0, 0)
        self.tokens.set_value(f"{tokens:,}")
        self.trained.set_value(f"{trained:,}")
        turns = len(masked.conversation.messages) if masked is not None else 0
        self.turns.set_value(f"{turns:,}")
        self.turns.set_label("turn" if turns == 1 else "turns")
        self.share.set(trained / tokens if tokens else 0.0)
        self._share_words.setText(f"{trained / tokens:.0%} of what is read is trained" if tokens else "")

    def show_counted(self, counted: Counted, total: int, context: int, too_long: str) -> None:
        """total: how many there are; as many as are counted by now stand in `counted`."""
        known = [length for length in counted.lengths if length]
        self._heading.setText(
            f"All {total:,} conversations"
            if len(counted.lengths) == total
            else f"The first {len(counted.lengths):,} of {total:,}"
        )
        self.lengths.show_lengths(known, context)
        longer = sum(length > context + 1 for length in known)
        empty = sum(
            not trained for trained, length in zip(counted.trained_within, counted.lengths, strict=True) if length
        )
        tokens, trained = sum(known), sum(counted.trained)
        rows = {
            "tokens": f"{tokens:,}",
            "trained": f"{trained:,}" + (f", {trained / tokens:.0%}" if tokens else ""),
            "mean length": f"{tokens / len(known):,.1f}" if known else "0",
            "longest": f"{max(known, default=0):,}",
            "fit the context": f"{len(known) - longer:,}",
            "are longer": f"{longer:,}",
            "nothing to train in": f"{empty:,}",
            "not taken by the template": f"{len(counted.problems):,}",
        }
        warned = {"are longer": longer, "nothing to train in": empty, "not taken by the template": counted.problems}
        self._rows.show_rows(rows, {name for name, wrong in warned.items() if wrong})
        self._rule.setText(_RULES[too_long])


class MaskRows(QWidget):
    """A table of names and figures. Its labels stay: a new table would be seen before it is laid out."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Label] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, L - 8, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)

    def show_rows(self, rows: Mapping[str, str], warned: set[str]) -> None:
        for name, value in rows.items():
            if name not in self._values:
                self._add(name)
            self._values[name].setText(value)
            self._values[name].set_role("warning" if name in warned else "text")

    def _add(self, name: str) -> None:
        at = len(self._values)
        self._values[name] = Label("", size=11)
        self._grid.addWidget(Label(name, "muted", 11), at, 0)
        self._grid.addWidget(self._values[name], at, 2, Qt.AlignmentFlag.AlignRight)

    def value(self, name: str) -> str:
        return self._values[name].text()
