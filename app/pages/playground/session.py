"""What is going on: the text, the model that is asked, the settings. Knows no widget; the page listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.engine_thread import EngineThread
from app.jobs.query import Query, Ticket
from app.pages.playground.queries import Ask, ModelFacts, Understood, continue_text, predict
from app.pages.playground.sources import ModelSource
from app.pages.playground.text import (
    TextToken,
    after_edit,
    chosen,
    joined,
    make_room,
    reply_index,
    typed,
    written,
)
from app.pages.playground.turns import Turn
from engine.errors import CutawayError
from engine.generation.distribution import Distribution
from engine.generation.sampling import SamplingConfig

if TYPE_CHECKING:
    from engine.generation.decoder import GeneratedToken

DEFAULT_SAMPLING = SamplingConfig(temperature=0.8, top_p=0.92, seed=7)
MAX_TOKENS = 60
_FLUSH_MS = 30
_RESTART_MS = 150
_BLANK_MS = 150
_UNDO_STEPS = 50
FINISHES = {"end": "The model ended the document here.", "stop": "A stop text was reached."}


class State(NamedTuple):
    """What Undo brings back."""

    tokens: list[TextToken]
    draft: str
    turns: tuple[Turn, ...]
    unread: bool


class Session(QObject):
    """tokens: the text as the model sees it; draft: what was typed behind it and is not read yet.
    turns: of whom which tokens are, when it is a conversation (`Dialogue`). adapter: whether a model's adapter works.
    selected: index of a token whose making is looked at, None for what comes next. sampling, max_tokens: settings.
    finishes: what is said when writing ended. whole: an answer never slides out of view.

    replaced(): another text. appended(first index): tokens came. changed(): writing began or ended, facts came.
    looked(): another distribution is in view. tuned(): the settings are other ones. trouble(CutawayError | None).
    noted(sentence): about the last answer.
    """

    replaced = Signal()
    appended = Signal(int)
    changed = Signal()
    looked = Signal()
    tuned = Signal()
    trouble = Signal(object)
    noted = Signal(str)
    finishes: Mapping[str, str] = FINISHES
    whole = False

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tokens: list[TextToken] = []
        self.draft = ""
        self.turns: tuple[Turn, ...] = ()
        self.adapter = True
        self.source: ModelSource | None = None
        self.facts: ModelFacts | None = None
        self.sampling = DEFAULT_SAMPLING
        self.max_tokens = MAX_TOKENS
        self.selected: int | None = None
        self.writing = False
        self.next: Distribution | None = None
        self._engine = engine
        self._ticket: Ticket | None = None
        self._peek: Ticket | None = None
        self._asked: SamplingConfig = self.sampling
        self._remaining = 0
        self._forced: tuple[Distribution, int] | None = None
        self._viewed: tuple[Distribution, SamplingConfig, Distribution] | None = None
        self._fresh: list[TextToken] = []
        self._past: list[State] = []
        self._unread = False  # the model has not seen the turns as they are now
        self._typing = False  # what is being typed is one change to Undo
        self._flush_timer = self._timer(_FLUSH_MS, self._flush)
        self._restart_timer = self._timer(_RESTART_MS, self._restart)
        self._blank_timer = self._timer(_BLANK_MS, self.looked.emit)

    def _timer(self, milliseconds: int, receiver: Callable[[], None]) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=milliseconds)
        timer.timeout.connect(receiver)
        return timer

    # What is there

    @property
    def text(self) -> str:
        return joined(self.tokens) + self.draft

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def ids(self) -> list[int]:
        return [token.token_id for token in self.tokens]

    @property
    def place(self) -> int:
        """Index of the token whose distribution is in view; the length of the text for what comes next."""
        if self.selected is not None:
            return self.selected
        return len(self.tokens) - 1 if self.writing and self.tokens else len(self.tokens)

    @property
    def in_view(self) -> Distribution | None:
        """What the model expects at `place`, under the settings as they are now."""
        at_end = self.place == len(self.tokens)
        prediction = self.next if at_end else self.tokens[self.place].prediction
        if prediction is None:
            return None
        if self._viewed is None or self._viewed[0] is not prediction or self._viewed[1] != self.sampling:
            self._viewed = prediction, self.sampling, prediction.under(self.sampling)
        return self._viewed[2]

    # What a person does

    def use(self, source: ModelSource | None) -> None:
        """Another model. The typed beginning stays and is read again; what the other one wrote goes (Undo has it).

        A run that has ended hands its text over to its newest checkpoint as it is.
        """
        self._halt()
        if source is not None and self.source is not None and self.source.is_live and source.run == self.source.run:
            self.source = source
            self.changed.emit()
            self.look_ahead()
        elif source is None or self.source is None or source.key != self.source.key or source.run != self.source.run:
            before = self._state
            self.source, self.facts = source, None
            if self._begin_with_what_was_typed():
                self._past.append(before)
        else:
            self.source = source
            self.changed.emit()

    def _begin_with_what_was_typed(self) -> bool:
        """For another model. Whether anything had to go for it."""
        text = joined(self.tokens[: len(self.tokens) - reply_index(self.tokens)]) + self.draft
        gone = len(text) != len(self.text)
        self._typing = self._typing and not gone
        self._set([], text)
        return gone

    def edit(self, text: str) -> None:
        """The whole text as it was edited. Tokens before the first change stay as they are."""
        self.type(text)
        self._typing = False

    def type(self, text: str) -> None:
        """As `edit`, while a person goes on typing: for Undo it is one change up to the next `edit`."""
        if text == self.text:
            return
        self._halt()
        if not self._typing:
            self._remember()
        self._typing = True
        kept, rest = after_edit(self.tokens, text)
        self._set(kept, rest)

    def write(self, count: int | None = None) -> None:
        """Lets the model go on, by `count` tokens or the number that is set. What it writes can be undone."""
        if self.source is not None:
            self._halt()
            self._remember()
            self.selected = None
            self._remaining = count or self.max_tokens
            self._ask(self._remaining)

    def set_adapter(self, on: bool) -> None:
        """With the adapter or without: what was answered last is answered again, with the same seed."""
        if on == self.adapter:
            return
        self._halt()
        self.adapter = on
        self._ask_again()

    def _ask_again(self) -> None:
        count = reply_index(self.tokens)
        if count and not self.draft:
            self._remember()
            self._set(self.tokens[:-count], "", ask=False)
            self._remaining = count
            self._ask(count)
        else:
            self.changed.emit()
            self.look_ahead()

    def stop(self) -> None:
        """Ends writing at once; what has come stays."""
        if self._halt():
            self.changed.emit()
            self.look_ahead()

    def undo(self) -> None:
        if self._past:
            self._halt()
            self._typing = False
            self._bring_back(self._past.pop())

    def force(self, token_id: int) -> None:
        """Puts another candidate where the distribution in view stands, and writes on from there."""
        prediction, place = self.in_view, self.place
        if prediction is not None and self.source is not None:
            self._halt()
            self._remember()
            self._cut(place)
            self._forced = prediction, token_id
            self._remaining = self.max_tokens
            self._ask(self._remaining)

    def select(self, index: int | None) -> None:
        """Looks at the making of a token; the model is asked when it is not on hand."""
        self.selected = index if index is not None and 0 <= index < len(self.tokens) else None
        if self.selected is not None and self.tokens[self.selected].prediction is None and self.source is not None:
            token = self.tokens[self.selected]
            self._peek = self._engine.ask(
                predict(self.source.place, self.ids[: self.selected], self.sampling, self.adapter),
                lambda found: self._take_peek(token, found),
                on_error=self.trouble.emit,
            )
        self.looked.emit()

    def set_sampling(self, sampling: SamplingConfig) -> None:
        """The bars follow at once; a text that is being written goes on with the new settings."""
        if sampling != self.sampling:
            self.sampling = sampling
            self.tuned.emit()
            self.looked.emit()
            if self.writing:
                self._restart_timer.start()

    def look_ahead(self) -> None:
        """Asks what comes next, unless something is asked already."""
        if self.source is not None and self.source.begun and self._ticket is None:
            self._ask(0)

    # What the model says

    def _ask(self, count: int) -> None:
        assert self.source is not None
        self._asked = self.sampling
        self.writing = count > 0
        self.trouble.emit(None)
        if count:
            self.noted.emit("")
        self._ticket = self._engine.ask(self._question(count), self._take, self._done, self._failed)
        self.changed.emit()

    def _question(self, count: int) -> Query:
        assert self.source is not None
        forced = self._forced[1] if self._forced else None
        start = 0 if self.draft else reply_index(self.tokens)
        start += forced is not None
        ask = Ask(tuple(self.ids), self.draft, forced, self.sampling, count, start, self.adapter, whole=self.whole)
        return continue_text(self.source.place, ask)

    def _restart(self) -> None:
        """Goes on from here with other settings."""
        if self.writing and self._remaining > 0:
            self._flush()
            if self._ticket is not None:
                self._ticket.cancel()
            self._ask(self._remaining)

    def _take(self, item: object) -> None:
        if isinstance(item, ModelFacts):
            self.facts = item
            self.changed.emit()
        elif isinstance(item, Understood):
            self._understand(item)
        elif isinstance(item, Distribution):
            self._flush()
            self._blank_timer.stop()
            self.next = item
            self.writing = False
            self.looked.emit()
            self.changed.emit()
        else:
            self._take_token(cast("GeneratedToken", item))

    def _take_token(self, token: GeneratedToken) -> None:
        self._remaining -= 1
        self._fresh.append(written(token, self._asked))
        if token.note or token.finish:
            self.noted.emit(" ".join(part for part in (token.note, self.finishes.get(token.finish, "")) if part))
        if not self._flush_timer.isActive():
            self._flush_timer.start()

    def _understand(self, item: Understood) -> None:
        self.facts = item.facts
        first = len(self.tokens)
        self.tokens += typed(item.tokens)
        if self._forced is not None:
            prediction, token_id = self._forced
            last = self.tokens[-1]
            self.tokens[-1] = chosen(prediction, token_id, last.text, last.data, reply_index(self.tokens[:-1]))
            self._forced = None
        if item.tokens or self.draft:
            self.draft = ""
            self.appended.emit(first)
        self.changed.emit()

    def _flush(self) -> None:
        """Hands over what came since the last time: thirty times a second, however fast the model is."""
        self._flush_timer.stop()
        if self._fresh:
            first = len(self.tokens)
            self.tokens += self._fresh
            self._fresh = []
            make_room(self.tokens)
            self.appended.emit(first)
            if self.selected is None:
                self._blank_timer.stop()
                self.looked.emit()

    def _done(self) -> None:
        self._ticket = None
        self.writing = False
        self._flush()
        self.changed.emit()

    def _failed(self, error: CutawayError) -> None:
        self._done()
        self.trouble.emit(error)

    def _take_peek(self, token: TextToken, found: object) -> None:
        if isinstance(found, Distribution):
            token.prediction = found
            self.looked.emit()

    # The text changes

    def _set(self, tokens: list[TextToken], draft: str, *, ask: bool = True) -> None:
        self.tokens, self.draft = list(tokens), draft
        self._show_change(ask)

    def _cut(self, place: int) -> None:
        """The text goes on anew from a token."""
        self._set(self.tokens[:place], "", ask=False)

    def _bring_back(self, state: State) -> None:
        self.tokens, self.draft, self.turns, self._unread = list(state.tokens), state.draft, state.turns, state.unread
        self._show_change(ask=True)

    def _show_change(self, ask: bool) -> None:
        self.selected, self.next = None, None
        self.noted.emit("")
        self.replaced.emit()
        self.changed.emit()
        if ask:
            self.look_ahead()
        # What the model expects comes in a moment as a rule: until then the bars stay, rather than go and come.
        self._blank_timer.start()

    @property
    def _state(self) -> State:
        return State(list(self.tokens), self.draft, self.turns, self._unread)

    def _remember(self) -> None:
        self._typing = False
        self._past.append(self._state)
        del self._past[:-_UNDO_STEPS]

    def _halt(self) -> bool:
        """Drops what is asked and keeps what has come. Whether a text was being written."""
        for ticket in (self._ticket, self._peek):
            if ticket is not None:
                ticket.cancel()
        self._ticket = self._peek = self._forced = None
        self._restart_timer.stop()
        self._flush()
        was_writing, self.writing = self.writing, False
        return was_writing
