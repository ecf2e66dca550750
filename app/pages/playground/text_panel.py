"""The text with its doubt at each token, and how much of the context it fills."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolTip, QWidget

from app.pages.playground.candidates_panel import percent
from app.pages.playground.context_meter import ContextMeter
from app.pages.playground.legend import ScaleLegend
from app.pages.playground.session import Session
from app.pages.playground.text import TextToken, cache_words, milliseconds_a_token
from app.pages.playground.text_area import LINE, TextArea
from app.theme.type import S
from app.widgets.buttons import Button
from app.widgets.combo import Combo
from app.widgets.entropy_bars import EntropyBars
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.token_view import Colouring, TokenChip
from app.widgets.token_view_words import visible

NEW_WORDS = "Begin a new text; Undo brings this one back  (Ctrl+Shift+N)"
_SCALES = {
    Colouring.PROBABILITY: ("0", "1", "thick line: a surprise"),
    Colouring.ENTROPY: ("0", "6 bits", "thick line: much doubt"),
}
# Title, three lines and the edges.
_COMPACT_HEIGHT = 24 + 8 + 3 * LINE + 6 + 26
_NO_LIMIT = 2**24 - 1


class TextPanel(Panel):
    """Shows a session. Bars stand for written tokens only. suggested(text): a beginning was chosen."""

    suggested = Signal(str)
    write_asked = Signal()
    new_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Text", margins=(20, 12, 20, 14), parent=parent)
        self._session = session
        self._written: list[int] = []
        self._looks: list[float | None] | None = None
        self.area = TextArea()
        self.doubt = EntropyBars()
        self.meter = ContextMeter()
        self.colouring = Combo(small=True, name="Colour of the tokens")
        for choice in (Colouring.PROBABILITY, Colouring.ENTROPY, Colouring.POSITION, Colouring.NONE):
            self.colouring.add(choice.value, data=choice)
        self.scale = ScaleLegend()
        self.new = Button("New", icon="ph.file-plus", small=True, tooltip=NEW_WORDS)
        self.undo = Button("Undo", icon="ph.arrow-u-up-left", small=True, tooltip="Take the last change back  (Ctrl+Z)")
        self.step = Button("Step", icon="ph.skip-forward", small=True, tooltip="Write one token  (Ctrl+.)")
        self.note = Label(role="muted", size=11)
        self._suggestions = QWidget()
        self._doubt_title = QWidget()
        self._build()
        self._connect()
        self._recolour()

    def _build(self) -> None:
        self.add_left(self.colouring)
        self.add_left(self.scale)
        self._seed = Label(role="muted", size=11)
        for control in (self._seed, self.new, self.undo, self.step):
            self.add_control(control)
        self._suggestion_row = row = QHBoxLayout(self._suggestions)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S)
        self.body.addWidget(self.area, 1)
        titles = QHBoxLayout(self._doubt_title)
        titles.setContentsMargins(0, 0, 0, 0)
        titles.setSpacing(9)
        titles.addWidget(Label("Doubt at each token", size=11))
        titles.addWidget(Label("entropy in bits, before and after; follows the sliders", "muted", 11))
        titles.addStretch(1)
        titles.addWidget(self.note)
        for widget in (self._suggestions, self._doubt_title, self.doubt, self.meter):
            self.body.addWidget(widget)

    def _connect(self) -> None:
        session = self._session
        session.replaced.connect(self._replace)
        session.appended.connect(self._append)
        session.changed.connect(self._update)
        session.looked.connect(self._mark)
        session.noted.connect(self.note.setText)
        self.area.editing.connect(session.stop)
        self.area.typed.connect(session.type)
        self.area.edited.connect(session.edit)
        self.area.write_asked.connect(self.write_asked)
        self.area.clicked.connect(session.select)
        self.area.hovered.connect(self._tell)
        self.doubt.clicked.connect(lambda bar: session.select(self._written[bar]))
        self.new.clicked.connect(self.new_asked)
        self.undo.clicked.connect(self.take_back)
        self.step.clicked.connect(lambda: self.write(1))
        self.colouring.currentIndexChanged.connect(lambda _: self._recolour())

    def write(self, count: int | None = None) -> None:
        """Takes what is being typed, then lets the model go on."""
        self.area.leave()
        self.area.view.follow()
        self._session.write(count)

    def take_back(self) -> None:
        """Undo; what is being typed counts as a change."""
        self.area.leave()
        self._session.undo()

    def begin_anew(self) -> None:
        """Empties the text, ready to type."""
        self.area.leave()
        self._session.edit("")
        self.area.edit(0)

    def set_compact(self, compact: bool) -> None:
        """Only the text, coloured by where a token looks."""
        for widget in (self._doubt_title, self.doubt, self.meter, self.colouring):
            widget.setVisible(not compact)
        if not compact:
            self._looks = None
        self.setMaximumHeight(_COMPACT_HEIGHT if compact else _NO_LIMIT)
        self._recolour()

    def show_looks(self, weights: Sequence[float | None]) -> None:
        """Colours each token by how much of the attention lies on it, 0 to 1; None for one out of view."""
        self._looks = list(weights)
        self._recolour()

    def suggest(self, beginnings: Sequence[str]) -> None:
        """Beginnings that one can try while the text is empty."""
        row = self._suggestion_row
        while row.count():
            item = row.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.deleteLater()
        row.addWidget(Label("Try", "muted", 11))
        for text in beginnings:
            button = Button(text, small=True, tooltip="Begin with this and let the model go on")
            button.clicked.connect(lambda _=False, text=text: self.suggested.emit(text))
            row.addWidget(button)
        row.addStretch(1)
        self._suggestions.setProperty("filled", bool(beginnings))
        self._update()

    def update_doubt(self) -> None:
        """The bars follow the settings."""
        tokens = [self._session.tokens[index] for index in self._written]
        self.doubt.set_values([_before(token) for token in tokens], [token.entropy_after for token in tokens])

    def _replace(self) -> None:
        session = self._session
        self._looks = None
        self.area.show_text([self._chip(token) for token in session.tokens], session.draft, session.text)
        self._written = [index for index, token in enumerate(session.tokens) if token.is_written]
        self.update_doubt()
        self._mark()

    def _append(self, first: int) -> None:
        session = self._session
        fresh = session.tokens[first:]
        self._looks = None
        self.area.append(first, [self._chip(token) for token in fresh], session.text)
        for index, token in enumerate(fresh, first):
            if token.is_written:
                self._written.append(index)
                self.doubt.append(_before(token), token.entropy_after)
        self._update()

    def _chip(self, token: TextToken) -> TokenChip:
        return TokenChip(
            text=token.text,
            token_id=token.token_id,
            data=token.data,
            value=self._value(token),
            special=token.is_special,
            plain=not token.is_written,
        )

    def _value(self, token: TextToken) -> float | None:
        if token.drawn is None:
            return None
        entropy = self.colouring.currentData() is Colouring.ENTROPY
        return token.drawn.entropy_before if entropy else token.drawn.probability_before

    def _recolour(self) -> None:
        view = self.area.view
        if self._looks is not None and len(self._looks) == len(view.tokens):
            view.set_colouring(Colouring.ATTENTION)
            view.set_values(self._looks)
            self.scale.show_scale("0", "1", "how much of its attention lies there")
            self.scale.show()
            return
        chosen = self.colouring.currentData()
        view.set_colouring(chosen)
        values = [self._value(token) for token in self._session.tokens]
        view.set_values([*values, *[None] * (len(view.tokens) - len(values))])
        self.scale.setVisible(chosen in _SCALES)
        if chosen in _SCALES:
            self.scale.show_scale(*_SCALES[chosen])

    def _mark(self) -> None:
        """Frames the token whose making is in view."""
        place = self._session.selected
        self.area.view.set_current(place)
        self.doubt.set_current(self._written.index(place) if place in self._written else None)

    def _update(self) -> None:
        session = self._session
        self.area.view.set_streaming(session.writing)
        self._seed.setText(f"seed {session.sampling.seed}")
        self.new.setEnabled(bool(session.text))
        self.undo.setEnabled(session.can_undo)
        self.step.setEnabled(session.source is not None and session.source.begun and not session.writing)
        empty = not session.text and not session.writing
        self._suggestions.setVisible(empty and bool(self._suggestions.property("filled")))
        written = len(self._written)
        facts = session.facts
        words: list[str] = []
        if facts is not None and session.tokens:
            words.append(f"cache {cache_words(len(session.tokens), facts)}")
            pace = milliseconds_a_token(session.tokens)
            words += [] if math.isnan(pace) else [f"{pace:.1f} ms a token"]
        length = facts.context_length if facts else 0
        if not session.draft:  # how many tokens that is, the model's tokenizer says in a moment
            self.meter.show_use(len(session.tokens) - written, written, length, tuple(words))

    def _tell(self, index: int) -> None:
        """A line about the token under the pointer."""
        view = self.area.view
        if not 0 <= index < len(self._session.tokens):
            QToolTip.hideText()
            return
        token = self._session.tokens[index]
        words = [f"{visible(token.text, token.data)}   id {token.token_id:,}"]
        if token.drawn is not None:
            words.append(f"{percent(token.drawn.probability_before)}, the model's number {token.drawn.rank}")
        place = view.viewport().mapToGlobal(view.token_rect(index).bottomLeft() + QPoint(0, 4))
        QToolTip.showText(place, "\n".join(words), view)


def _before(token: TextToken) -> float:
    return token.drawn.entropy_before if token.drawn is not None else 0.0
