"""The text with its doubt at each token, and how much of the context it fills."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QToolTip, QWidget

from app.pages.playground.context_meter import ContextMeter
from app.pages.playground.doubt_strip import DoubtStrip
from app.pages.playground.session import Session
from app.pages.playground.suggestions import Suggestions
from app.pages.playground.text_area import LINE, TextArea
from app.pages.playground.token_colours import TokenColours, adapter_words, told
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.token_view import Colouring

NEW_WORDS = "Begin a new text; Undo brings this one back  (Ctrl+Shift+N)"
# Title, three lines and the edges.
_COMPACT_HEIGHT = 24 + 8 + 3 * LINE + 6 + 26
_NO_LIMIT = 2**24 - 1


class TextPanel(Panel):
    """Shows a session. Bars stand for written tokens only. A conversation is shown as it is sent, and cannot be edited
    here."""

    write_asked = Signal()
    new_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Text", margins=(20, 12, 20, 14), parent=parent)
        self._session = session
        self._looks: list[float | None] | None = None
        self._compact = False
        self.area = TextArea()
        self._strip = DoubtStrip(session)
        self.doubt = self._strip.bars
        self.meter = ContextMeter()
        self.colours = TokenColours()
        self.new = Button("New", icon="ph.file-plus", small=True, tooltip=NEW_WORDS)
        self.undo = Button("Undo", icon="ph.arrow-u-up-left", small=True, tooltip="Take the last change back  (Ctrl+Z)")
        self.step = Button("Step", icon="ph.skip-forward", small=True, tooltip="Write one token  (Ctrl+.)")
        self.suggestions = Suggestions("Begin with this and let the model go on")
        self._build()
        self._connect()
        self._recolour()

    def _build(self) -> None:
        self.add_left(self.colours)
        self._seed = Label(role="muted", size=11)
        for control in (self._seed, self.new, self.undo, self.step):
            self.add_control(control)
        self.body.addWidget(self.area, 1)
        for widget in (self.suggestions, self._strip, self.meter):
            self.body.addWidget(widget)

    def _connect(self) -> None:
        session = self._session
        session.replaced.connect(self._replace)
        session.appended.connect(self._append)
        session.changed.connect(self._update)
        session.looked.connect(self._mark)
        self.area.editing.connect(session.stop)
        self.area.typed.connect(session.type)
        self.area.edited.connect(session.edit)
        self.area.write_asked.connect(self.write_asked)
        self.area.clicked.connect(session.select)
        self.area.hovered.connect(self._tell)
        self.new.clicked.connect(self.new_asked)
        self.undo.clicked.connect(self.take_back)
        self.step.clicked.connect(lambda: self.write(1))
        self.colours.changed.connect(self._recolour)

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

    def set_read_only(self, read_only: bool) -> None:
        """For a conversation, which is edited turn by turn."""
        self.set_title("Conversation, as it is sent" if read_only else "Text")
        self.area.set_editable(not read_only)
        for control in (self.new, self.step):
            control.setVisible(not read_only)

    def set_compact(self, compact: bool) -> None:
        """Only the text, coloured by where a token looks."""
        self._compact = compact
        for widget in (self._strip, self.meter):
            widget.setVisible(not compact)
        if not compact:
            self._looks = None
        self.setMaximumHeight(_COMPACT_HEIGHT if compact else _NO_LIMIT)
        self._recolour()

    def show_looks(self, weights: Sequence[float | None]) -> None:
        """Colours each token by how much of the attention lies on it, 0 to 1; None for one out of view."""
        self._looks = list(weights)
        self._recolour()

    def update_doubt(self) -> None:
        """The bars follow the settings."""
        self._strip.follow_settings()

    def _replace(self) -> None:
        session = self._session
        self._looks = None
        self.area.show_text([self.colours.chip(token) for token in session.tokens], session.draft, session.text)
        self._mark()

    def _append(self, first: int) -> None:
        session = self._session
        self._looks = None
        self.area.append(first, [self.colours.chip(token) for token in session.tokens[first:]], session.text)
        self._update()

    def _recolour(self) -> None:
        view = self.area.view
        if self._looks is not None and len(self._looks) == len(view.tokens):
            view.set_colouring(Colouring.ATTENTION)
            view.set_values(self._looks)
            self.colours.show_attention()
            return
        view.set_colouring(self.colours.current)
        values = [self.colours.value(token) for token in self._session.tokens]
        view.set_values([*values, *[None] * (len(view.tokens) - len(values))])
        self.colours.show_scale()
        self.colours.choice.setVisible(not self._compact)

    def _mark(self) -> None:
        """Frames the token whose making is in view."""
        self.area.view.set_current(self._session.selected)

    def _update(self) -> None:
        session = self._session
        self.set_subtitle(adapter_words(session))
        self.area.view.set_streaming(session.writing)
        self._seed.setText(f"seed {session.sampling.seed}")
        self.new.setEnabled(bool(session.text))
        self.undo.setEnabled(session.can_undo)
        self.step.setEnabled(session.source is not None and session.source.begun and not session.writing)
        self.suggestions.want(not session.text and not session.writing)
        self.meter.follow(session, self._strip.count)

    def _tell(self, index: int) -> None:
        """A line about the token under the pointer."""
        view = self.area.view
        if not 0 <= index < len(self._session.tokens):
            QToolTip.hideText()
            return
        place = view.viewport().mapToGlobal(view.token_rect(index).bottomLeft() + QPoint(0, 4))
        QToolTip.showText(place, told(self._session.tokens[index]), view)
