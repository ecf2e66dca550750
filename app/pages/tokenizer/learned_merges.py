"""The merges that were learned, as they come: each a chip, the first ones first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.widgets.inspection import Inspection
from app.widgets.panel import Panel
from app.widgets.token_view import TokenChip, TokenView
from app.widgets.token_view_words import visible
from engine.events import MergeLearned


class LearnedMerges(Panel):
    """inspected(Inspection | None): the merge under the pointer."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Words it has learned", parent=parent)
        self._merges: list[MergeLearned] = []
        self.view = TokenView(size=13, line_height=26, chip_height=22)
        self.view.setAccessibleName("Merges that were learned")
        self.view.set_placeholder("They come when the counting is done.")
        self.view.hovered.connect(self._point_at)
        self.view.clicked.connect(self._point_at)
        self.body.addWidget(self.view, 1)

    def show_merges(self, merges: Sequence[MergeLearned]) -> None:
        """New ones are added; others than before replace them."""
        known = len(self._merges)
        if list(merges[:known]) == self._merges and known:
            self.view.append([_chip(merge) for merge in merges[known:]])
        elif list(merges) != self._merges:
            self.view.set_tokens([_chip(merge) for merge in merges])
        self._merges = list(merges)
        self.set_subtitle(f"{len(merges)}, the first ones first" if merges else "")

    def _point_at(self, index: int) -> None:
        if not 0 <= index < len(self._merges):
            self.inspected.emit(None)
            return
        merge = self._merges[index]
        left, right, joined = (visible(text) for text in (merge.left, merge.right, merge.joined))
        self.inspected.emit(
            Inspection(
                title=joined,
                subtitle="a token that was learned",
                fixed=True,
                words=f"`{left}` and `{right}` stood side by side so often that they became one token, `{joined}`.",
                formula=r"next pair = \text{arg max} count(a, b)",
                formula_words="Of all neighbouring pairs in the text, join the most frequent one. Then count again.",
                rows=(("learned as merge", f"{merge.step:,}"), ("id", f"{merge.token_id:,}", "accent")),
                subject="merge",
            )
        )


def _chip(merge: MergeLearned) -> TokenChip:
    return TokenChip(merge.joined, merge.token_id, merge.joined.encode())
