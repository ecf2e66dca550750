"""A session that can also be a conversation: turns in place of one text, and a model that answers the last of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.jobs.engine_thread import EngineThread
from app.jobs.query import Query
from app.pages.playground.chat_queries import ChatAsk, Heard, converse
from app.pages.playground.session import FINISHES, Session, State
from app.pages.playground.text import shared, typed
from app.pages.playground.turns import (
    Turn,
    cut,
    is_answered,
    messages_of,
    placed,
    text_of,
    to_last_question,
    unread,
    with_system,
)

_ANSWER_FINISHES = {"length": "The answer was cut off here. Continue lets the model go on."}


class Dialogue(Session):
    """chatting: whether the tokens are a conversation. Text and conversation are kept apart, each with its own Undo."""

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(engine, parent)
        self.chatting = False
        self._aside: tuple[State, list[State]] = (State([], "", (), False), [])

    # What is there

    @property
    def has_ended(self) -> bool:
        """Whether the model has ended its last answer by itself."""
        return self.chatting and bool(self.tokens) and self.tokens[-1].is_written and self.tokens[-1].is_special

    @property
    def can_continue(self) -> bool:
        """Whether the last answer was cut off."""
        open_end = self.chatting and bool(self.turns) and self.turns[-1].is_open
        return open_end and not self._unread and not self.writing and not self.has_ended

    @property
    def can_repeat(self) -> bool:
        """Whether there is a question that can be answered anew."""
        return self.chatting and not self.writing and any(turn.role == "user" for turn in self.turns)

    @property
    def system(self) -> str:
        return next((turn.text for turn in self.turns if turn.role == "system"), "")

    def said(self, index: int) -> str:
        """What the turn says."""
        return text_of(self.turns[index], self.tokens)

    # What a person does

    def set_chatting(self, on: bool) -> None:
        """From the text to the conversation, or back; each stays as it was left."""
        if on != self.chatting:
            self._halt()
            state, past = self._aside
            self._aside, self._past = (self._state, self._past), past
            self.chatting, self.whole, self._typing = on, on, False
            self.finishes = _ANSWER_FINISHES if on else FINISHES
            self._bring_back(state)

    def say(self, text: str) -> None:
        self.converse((*unread(self.turns, self.tokens), Turn("user", text)))

    def say_instead(self, index: int, text: str) -> None:
        """Another text of a past question; what came after it goes, and Undo brings it back."""
        self.converse((*unread(self.turns[:index], self.tokens), Turn("user", text)))

    def answer_anew(self) -> None:
        """The last question once more, with the settings as they are."""
        self.converse(to_last_question(unread(self.turns, self.tokens)))

    def set_system(self, text: str) -> None:
        """From the next answer on."""
        self.converse(with_system(unread(self.turns, self.tokens), text))

    def begin_anew(self) -> None:
        """No turns any more, but for the system prompt."""
        self.converse(with_system((), self.system))

    def converse(self, turns: Sequence[Turn]) -> None:
        """Lets the model answer turns that end with a question; others only stand there."""
        self._halt()
        self._remember()
        self._set_turns(turns, ask=False)
        self._remaining = self.max_tokens
        if self.source is not None and turns and turns[-1].role == "user":
            self._ask(self._remaining)

    def force(self, token_id: int) -> None:
        """Only an answer can go on otherwise; what others said stays as it is."""
        if not self.chatting or (not self._unread and is_answered(self.turns, self.place)):
            super().force(token_id)

    def look_ahead(self) -> None:
        """Behind the end of an answer nothing comes."""
        waiting = self._unread and self.turns[-1].role == "user"
        if not self.chatting or waiting or self.can_continue:
            super().look_ahead()

    def _begin_with_what_was_typed(self) -> bool:
        """Of a conversation all but the last answer."""
        if not self.chatting:
            return super()._begin_with_what_was_typed()
        turns = to_last_question(unread(self.turns, self.tokens))
        gone = len(turns) != len(self.turns)
        self.tokens = []
        self._set_turns(turns)
        return gone

    def _ask_again(self) -> None:
        if self.chatting and self.turns:
            self.answer_anew()
        else:
            super()._ask_again()

    # What the model says

    def _question(self, count: int) -> Query:
        if not self._unread or self.source is None:
            return super()._question(count)
        messages = messages_of(self.turns, self.tokens)
        return converse(self.source.place, ChatAsk(messages, self.sampling, count, self.adapter))

    def _take(self, item: object) -> None:
        if isinstance(item, Heard):
            self._hear(item)
        else:
            super()._take(item)

    def _hear(self, item: Heard) -> None:
        """The conversation as tokens. Those that stay the same keep what the model had expected there."""
        self.facts = item.facts
        kept = shared(self.tokens, item.tokens)
        self.tokens = [*self.tokens[:kept], *typed(item.tokens[kept:])]
        special = [token.is_special for token in self.tokens]
        self.turns = placed(self.turns, item.owners, special, item.left_out)
        self._unread = False
        self.replaced.emit()
        self.changed.emit()

    def _done(self) -> None:
        super()._done()
        if self.has_ended and self.selected is None:
            self.select(len(self.tokens) - 1)  # nothing comes behind it, so it is what there is to see

    # The conversation changes

    def _set_turns(self, turns: Sequence[Turn], *, ask: bool = True) -> None:
        """The tokens stay until the model has read the turns: those that are the same keep what is known of them."""
        self.turns = tuple(turns)
        self._unread = bool(turns)
        if not turns:
            self.tokens = []
        self._show_change(ask)

    def _show_change(self, ask: bool) -> None:
        super()._show_change(ask)
        if ask and self.has_ended and not self._unread:
            self.select(len(self.tokens) - 1)

    def _cut(self, place: int) -> None:
        self.turns = cut(self.turns, place) if self.chatting else ()
        super()._cut(place)
