"""Up to four tokenizers on one text, and what that text would cost with each."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.tokenizer.compare_row import CompareRow
from app.pages.tokenizer.comparison import MOST, MOST_CHARACTERS, Comparison, Side, compare
from app.pages.tokenizer.context_panel import ContextPanel
from app.pages.tokenizer.examples import COMPARED, PARTS
from app.pages.tokenizer.inspections import of_token
from app.pages.tokenizer.own_text import OwnText
from app.pages.tokenizer.part_bars import PartBars
from app.pages.tokenizer.shelf import Shelf
from app.pages.tokenizer.view import Chosen, View
from app.theme.type import M, S
from app.widgets.buttons import ToolButton
from app.widgets.combo import Combo
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from app.widgets.tag import Tag
from engine.tokenizer.compare import table

_TYPING_MS = 60
_FOOT = 196


class CompareView(View):
    """The tokenizer of the header is always the first; the others are chosen here."""

    def __init__(self, shelf: Shelf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._first: Chosen | None = None
        self._others: list[Path | None] = []
        self._by_hand = False
        self.comparison: Comparison | None = None
        self.rows = [_Row(place) for place in range(MOST)]
        self.editor = OwnText()
        self.samples = Segments(("Mixed", *PARTS), small=True)
        self.tag = Tag("", "warning")
        self.add = Combo(small=True, prefix="Add a tokenizer", name="Add a tokenizer")
        self.parts = PartBars()
        self.context = ContextPanel()
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._lay_out()
        self._connect()
        self.editor.take(COMPARED)

    def _lay_out(self) -> None:
        text = Panel("The same text", margins=(16, 12, 16, 14))
        text.add_control(self.samples)
        text.body.addWidget(self.editor)
        cuts = Panel("Cut by", margins=(16, 12, 16, 12))
        cuts.add_left(self.tag)
        cuts.add_control(self.add)
        cuts.body.addWidget(self._scrolled(), 1)
        parts = Panel("Tokens per word", "of four short texts")
        parts.body.addWidget(self.parts)
        parts.body.addWidget(
            Label(
                "A tokenizer is short where it has seen much: what it learned from decides who pays.",
                "muted",
                11,
                wrap=True,
            )
        )
        parts.body.addStretch(1)
        foot = QHBoxLayout()
        foot.setSpacing(M)
        foot.addWidget(parts, 1)
        foot.addWidget(self.context, 1)
        for panel in (parts, self.context):
            panel.setFixedHeight(_FOOT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(text)
        layout.addWidget(cuts, 1)
        layout.addLayout(foot)

    def _scrolled(self) -> QScrollArea:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        for row in self.rows:
            column.addWidget(row)
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

    def _connect(self) -> None:
        self.editor.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self._show)
        self.samples.changed.connect(self.take_sample)
        self.add.activated.connect(self._add)
        self._shelf.changed.connect(self._show)
        for row in self.rows:
            row.cut.hovered.connect(lambda index, row=row: self._point_at(row, index))
            row.remove.clicked.connect(lambda _=False, row=row: self._remove(row.place))
            row.choice.activated.connect(lambda _, row=row: self._change(row))

    # What a person does

    def take_sample(self, place: int) -> None:
        """0: a bit of everything; then English, German, code, digits."""
        self.editor.take([COMPARED, *PARTS.values()][place])
        self._show()

    def add_place(self, place: Path | None) -> None:
        """One more, four at most, each once."""
        if len(self._others) < MOST - 1 and place not in self._others:
            self._others.append(place)
            self._by_hand = True
            self._show()

    def _add(self, row: int) -> None:
        self.add_place(self.add.itemData(row))

    def _remove(self, place: int) -> None:
        del self._others[place - 1]
        self._by_hand = True
        self._show()

    def _change(self, row: _Row) -> None:
        self._others[row.place - 1] = row.choice.currentData()
        self._by_hand = True
        self._show()

    # What the page tells

    def use(self, chosen: Chosen) -> None:
        self._first = chosen
        self._shelf.put(chosen)
        self._show()

    def shown(self) -> None:
        self._show()

    # What is shown

    def _show(self) -> None:
        self._typing.stop()
        if self._first is None or not self.editor.text():
            return
        names = self._shelf.names()
        kept = [place for place in self._others if place in names and place != self._first.folder]
        rest = [place for place in names if place != self._first.folder]
        learned: list[Path | None] = [place for place in rest if place]  # beside the bytes all cuts differ everywhere
        self._others = list(dict.fromkeys(kept)) if self._by_hand else (learned or rest)[: MOST - 1]
        read = [self._first, *(one for place in self._others if (one := self._shelf.get(place)) is not None)]
        self.comparison = compare(read, self.editor.text())
        sides = {side.chosen.folder: side for side in self.comparison.sides}
        places = [self._first.folder, *self._others]
        for row in self.rows:
            place = places[row.place] if row.place < len(places) else None
            row.setVisible(row.place < len(places))
            if row.place < len(places):
                row.show_side(names, place, sides.get(place), taken=places)
        self._offer([place for place in rest if place not in self._others], names)
        self._show_figures(read)

    def _offer(self, left: list[Path | None], names: dict[Path | None, tuple[str, str]]) -> None:
        self.add.clear()
        for place in left:
            self.add.add(*names[place], place)
        self.add.setCurrentIndex(-1)
        self.add.setVisible(bool(left) and len(self._others) < MOST - 1)

    def _show_figures(self, read: list[Chosen]) -> None:
        assert self.comparison is not None
        words = self.comparison.words()
        if len(self.editor.text()) > MOST_CHARACTERS:
            words += f" in the first {MOST_CHARACTERS:,} characters"
        self.tag.set(words, "warning" if self.comparison.ranges else "ok")
        self.tag.setVisible(bool(words))
        figures = table({str(at): one.tokenizer for at, one in enumerate(read)}, PARTS)
        values = {
            part: [figures[str(at)][part].tokens_per_word or math.nan for at in range(len(read))] for part in PARTS
        }
        self.parts.show_values([one.name for one in read], values)
        self.context.show_sides(self.comparison.sides)

    def _point_at(self, row: _Row, index: int) -> None:
        side = row.cut.side
        chip = row.cut.view.tokens[index] if index >= 0 else None
        self.inspected.emit(of_token(side.chosen.learned, chip) if side and chip else None)


class _Row(QWidget):
    """place: 0 for the tokenizer of the header, which is not chosen here."""

    def __init__(self, place: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place = place
        self.cut = CompareRow()
        self.choice = Combo(small=True, name=f"Tokenizer {place + 1}")
        self.remove = ToolButton("ph.x", "Leave it out", size=22)
        if place:
            self.cut.put_choice(self.choice)
            self.cut.head.addWidget(self.remove)
        else:
            self.cut.head.addSpacing(self.remove.width() + S)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        if place:
            column.addWidget(Hairline())
        column.addWidget(self.cut)

    def show_side(
        self,
        names: dict[Path | None, tuple[str, str]],
        place: Path | None,
        side: Side | None,
        taken: list[Path | None],
    ) -> None:
        """side: None while it is being read."""
        self.choice.clear()
        for other, (name, detail) in names.items():
            if other == place or other not in taken:
                self.choice.add(name, detail, other)
        self.choice.choose(place)
        if side is not None:
            self.cut.show_side(side)
