"""The small picture of packed rows, and what packing saves."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.pages.finetune.mask_rows import PackedRows
from app.pages.finetune.template_query import Packing
from app.widgets.inspection import Inspection
from app.widgets.label import Label
from app.widgets.panel import Panel

_WORDS = (
    "Conversations share rows of the context's length, so that little is computed for nothing. Attention stays inside "
    "each of them, and positions count from its beginning: a token never sees its neighbour's conversation."
)
FORMULA = r"a_{ij} = 0 \text{  where } j > i \text{ or } s_i ≠ s_j"
FORMULA_WORDS = "s is the number of the conversation in the row: the mask of attention is a chain of triangles."


class PackingPanel(Panel):
    """hovered(number), clicked(number): a conversation in the picture; -1 when the pointer left."""

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Packing", margins=(16, 12, 16, 12), parent=parent)
        self.packing: Packing | None = None
        self._context = 0
        self.rows = PackedRows()
        self.rows.hovered.connect(self.hovered)
        self.rows.clicked.connect(self.clicked)
        self._words = Label("", "muted", 11, wrap=True)
        self._filled = Label("", "text", 11)
        self.add_control(self._filled)
        self.body.addWidget(self.rows, 1)
        self.body.addWidget(self._words)

    def show_packing(self, packing: Packing | None, context: int) -> None:
        self.packing, self._context = packing, context
        self.rows.show_rows(packing.pieces if packing is not None else (), context)
        if packing is None or not packing.rows:
            self.set_subtitle("")
            self._filled.setText("")
            self._words.setText("")
            return
        self.set_subtitle(f"{packing.rows:,} rows of {context:,}")
        self._filled.setText(f"{packing.filled:.0%} filled")
        more = f"The first {len(packing.pieces)} rows. " if packing.rows > len(packing.pieces) else ""
        self._words.setText(f"{more}Underlined: trained. Alone in a row, each would fill {packing.alone:.0%}.")

    def inspection(self, number: int, tokens: int, trained: int) -> Inspection:
        """Of one conversation in the picture."""
        packing = self.packing
        assert packing is not None
        row = next((row for row in packing.pieces if any(piece.number == number for piece in row)), ())
        used = sum(piece.tokens for piece in row)
        return Inspection(
            title=f"Conversation {number + 1:,}",
            subtitle="a piece of a packed row",
            words=_WORDS,
            formula=FORMULA,
            formula_words=FORMULA_WORDS,
            rows=(
                ("tokens", f"{tokens:,}"),
                ("trained", f"{trained:,}", "accent"),
                ("conversations in its row", f"{len(row):,}"),
                ("places used in its row", f"{used:,} of {self._context:,}"),
                ("all rows", f"{packing.rows:,}"),
                ("filled", f"{packing.filled:.1%}"),
            ),
            subject="piece",
        )
