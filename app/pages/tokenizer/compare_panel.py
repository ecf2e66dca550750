"""Compare, at the foot of See: the chosen tokenizer and one other on the same text."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.tokenizer.compare_row import CompareRow
from app.pages.tokenizer.comparison import Comparison, compare
from app.pages.tokenizer.examples import COMPARED, PARTS
from app.pages.tokenizer.part_bars import PartBars
from app.pages.tokenizer.shelf import Shelf
from app.pages.tokenizer.view import Chosen
from app.theme.type import M, S
from app.widgets.buttons import Button, ToolButton
from app.widgets.combo import Combo
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.tag import Tag
from engine.tokenizer.compare import table

_MOST_CHARACTERS, _LOW_CHARACTERS = 80, 34  # two lines for each of the two
_SHOWN_PARTS = ("English", "German", "Code")


class ComparePanel(Panel):
    """more(): a person wants all of it. train(): there is no other tokenizer, and they want one."""

    more = Signal()
    train = Signal()

    def __init__(self, shelf: Shelf, parent: QWidget | None = None) -> None:
        super().__init__("Compare", parent=parent)
        self._shelf = shelf
        self._chosen: Chosen | None = None
        self._text = ""
        self._most = _MOST_CHARACTERS
        self.comparison: Comparison | None = None
        self.tag = Tag("", "warning")
        self.add_left(self.tag)
        self.other = Combo(small=True, name="Compare with")
        self.more_button = ToolButton("ph.plus", "Compare up to four tokenizers")
        self.add_control(self.more_button)
        self.rows = (CompareRow(), CompareRow())
        self.rows[1].put_choice(self.other)
        self.alone = _Alone()
        self.alone.button.clicked.connect(self.train)
        self.bars = PartBars(low=True)
        self.body.addWidget(Hairline())
        self.body.addWidget(self._scrolled(), 1)
        foot = QHBoxLayout()
        foot.setSpacing(M)
        foot.addWidget(Label("tokens\nper word", "muted", 11))
        foot.addWidget(self.bars, 1)
        self._foot = QWidget()
        self._foot.setLayout(foot)
        foot.setContentsMargins(0, 0, 0, 0)
        self._line = Hairline()
        self.body.addWidget(self._line)
        self.body.addWidget(self._foot)
        self.more_button.clicked.connect(self.more)
        self.other.activated.connect(lambda _: self._show())
        shelf.changed.connect(self._show)

    def _scrolled(self) -> QScrollArea:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        column.addWidget(self.rows[0])
        column.addWidget(Hairline())
        column.addWidget(self.rows[1])
        column.addWidget(self.alone)
        column.addStretch(1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(area.focusPolicy().NoFocus)
        area.setHorizontalScrollBarPolicy(area.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        return area

    def set_low(self, low: bool) -> None:
        """In a low window the bars leave their room to the tokens, of which there are fewer."""
        self._most = _LOW_CHARACTERS if low else _MOST_CHARACTERS
        self.show_text(self._text)
        self._foot.setVisible(not low)
        self._line.setVisible(not low)

    def use(self, chosen: Chosen) -> None:
        before, self._chosen = self.other.currentData() if self.other.count() else chosen.folder, chosen
        self._shelf.put(chosen)
        self.other.clear()
        for place, (name, detail) in self._shelf.names().items():
            if place != chosen.folder:
                self.other.add(name, detail, place)
        if before is not None and before != chosen.folder:
            self.other.choose(before)
        self._show()

    def show_text(self, text: str) -> None:
        """ "" for the example."""
        self._text = text
        shown = first_words(text or COMPARED, self._most)
        self.set_subtitle(("your text" if shown == text else "your first words") if text else "same text")
        if self.comparison is None or shown != self.comparison.text:
            self._show_cuts()

    def _pair(self) -> list[Chosen]:
        """One alone while the other is being read."""
        other = self._shelf.get(self.other.currentData()) if self.other.count() else None
        return [one for one in (self._chosen, other) if one is not None]

    def _show(self) -> None:
        self._show_cuts()
        self._show_bars()

    def _show_cuts(self) -> None:
        pair = self._pair()
        if self._chosen is None:
            return
        self.comparison = compare(pair, first_words(self._text or COMPARED, self._most))
        for row, side in zip(self.rows, self.comparison.sides, strict=False):
            row.show_side(side)
        self.rows[1].setVisible(len(pair) > 1)
        self.alone.setVisible(self.other.count() == 0)
        words = self.comparison.words()
        self.tag.set(words, "warning" if self.comparison.ranges else "ok")
        self.tag.setVisible(bool(words))

    def _show_bars(self) -> None:
        pair = self._pair()
        parts = {name: PARTS[name] for name in _SHOWN_PARTS}
        figures = table({str(at): one.tokenizer for at, one in enumerate(pair)}, parts)
        values = {
            part: [figures[str(at)][part].tokens_per_word or math.nan for at in range(len(pair))] for part in parts
        }
        self.bars.show_values([one.name for one in pair], values)


class _Alone(QWidget):
    """No other tokenizer is there yet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = Button("Train one", small=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, S, 0, 0)
        row.setSpacing(M)
        row.addWidget(Label("Beside another tokenizer one sees what this one has learned.", "muted", 11))
        row.addWidget(self.button)
        row.addStretch(1)


def first_words(text: str, most: int) -> str:
    """As many whole words as fit into so many characters, or a part of the first one."""
    if len(text) <= most:
        return text
    end = max(text.rfind(space, 0, most + 1) for space in " \n")
    return text[: end if end > 0 else most]
