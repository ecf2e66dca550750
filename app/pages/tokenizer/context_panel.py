"""What a context window would hold of such a text, and what the text would cost, with each tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QHBoxLayout, QWidget

from app.pages.tokenizer.comparison import Side
from app.theme.type import M, S
from app.widgets.bar import Bar
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.panel import Panel

_CONTEXTS = (128, 512, 1_024, 4_096, 32_768, 131_072)
_WORDS = 100_000
_ROLES = ("accent", "muted", "validation", "danger")


class ContextPanel(Panel):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What would a context hold?", parent=parent)
        self._sides: Sequence[Side] = ()
        self.context = Combo(small=True, name="Context in tokens")
        for tokens in _CONTEXTS:
            self.context.add(f"{tokens:,} tokens", data=tokens)
        self.context.choose(1_024)
        self.price = QDoubleSpinBox()
        self.price.setRange(0.0, 1_000.0)
        self.price.setDecimals(2)
        self.price.setSingleStep(0.25)
        self.price.setValue(1.0)
        self.price.setPrefix("$ ")
        self.price.setAccessibleName("Price of a million tokens")
        self.price.setToolTip("What a provider asks for a million tokens")
        self.price.lineEdit().setTextMargins(8, 0, 0, 0)
        self.price.setFixedWidth(96)
        self.add_control(self.context)
        self._table = QWidget()
        self.rows: list[tuple[str, str, str, str]] = []
        self.body.addWidget(self._table)
        self.body.addStretch(1)
        foot = QHBoxLayout()
        foot.setSpacing(S)
        foot.addWidget(Label(f"{_WORDS:,} such words, at", "muted", 11))
        foot.addWidget(self.price)
        foot.addWidget(Label("for a million tokens", "muted", 11))
        foot.addStretch(1)
        self.body.addLayout(foot)
        self.context.activated.connect(lambda _: self._show())
        self.price.valueChanged.connect(lambda _: self._show())

    def show_sides(self, sides: Sequence[Side]) -> None:
        self._sides = sides
        self._show()

    def _show(self) -> None:
        """rows: name, words that the context holds, what they cost, and that as a multiple of the cheapest."""
        context, price = int(self.context.currentData()), self.price.value()
        least = min((side.measures.tokens for side in self._sides), default=0)
        most = max((side.measures.words_in(context) for side in self._sides), default=0)
        self.rows = []
        table = QWidget()
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(M)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(1, 1)
        for column, words in ((2, "holds"), (3, "costs"), (4, "times")):
            grid.addWidget(Label(words, "muted", 11), 0, column)
        for line, side in enumerate(self._sides, start=1):
            held, found = side.measures.words_in(context), side.measures
            cost = found.tokens_per_word * _WORDS * price / 1e6 if found.words else 0.0
            times = found.tokens / least if least else 1.0
            row = (side.chosen.name, f"{held:,} words", f"$ {cost:,.2f}", f"{times:.2f}×")
            self.rows.append(row)
            grid.addWidget(Label(row[0], size=11, weight=500), line, 0)
            grid.addWidget(Bar(held / most if most else 0.0, height=6, width=60, role=_ROLES[line - 1]), line, 1)
            for column, text in enumerate(row[1:], start=2):
                grid.addWidget(Label(text, size=11), line, column)
        old, self._table = self._table, table
        self.body.replaceWidget(old, table)
        old.deleteLater()
