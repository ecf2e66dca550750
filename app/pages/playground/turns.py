"""A conversation on the page: who said what, and which tokens of the text that the model reads are whose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile

from app.pages.playground.text import TextToken, joined
from engine.corpus.conversation import Message

NOWHERE = -1


@dataclass(frozen=True)
class Turn:
    """role: one of `engine.corpus.conversation.ROLES`. text: what was said; "" of an answer that is still open, since
    its tokens say it. first: index of its first token, NOWHERE before it was read. end: behind its last one, NOWHERE
    for an open answer, which goes to the end. sent: False once it had to leave the model's view."""

    role: str
    text: str = ""
    first: int = NOWHERE
    end: int = NOWHERE
    sent: bool = True

    @property
    def is_answer(self) -> bool:
        return self.role == "assistant"

    @property
    def is_open(self) -> bool:
        return self.is_answer and self.first != NOWHERE and self.end == NOWHERE


def range_of(turn: Turn, tokens: Sequence[TextToken]) -> range:
    """Indices of its tokens; empty for a turn that was not read or is out of view."""
    if turn.first == NOWHERE:
        return range(0)
    return range(turn.first, len(tokens) if turn.is_open else turn.end)


def text_of(turn: Turn, tokens: Sequence[TextToken]) -> str:
    return joined(tokens[turn.first :]).strip() if turn.is_open else turn.text


def messages_of(turns: Sequence[Turn], tokens: Sequence[TextToken]) -> tuple[Message, ...]:
    """What a chat template is given."""
    return tuple(Message(turn.role, text_of(turn, tokens)) for turn in turns)


def unread(turns: Sequence[Turn], tokens: Sequence[TextToken]) -> tuple[Turn, ...]:
    """The same, every answer closed, to be read anew; one that says nothing goes."""
    closed = [Turn(turn.role, text_of(turn, tokens)) for turn in turns]
    return tuple(turn for turn in closed if turn.text or not turn.is_answer)


def placed(
    turns: Sequence[Turn], owners: Sequence[int], special: Sequence[bool], left_out: Collection[int]
) -> tuple[Turn, ...]:
    """With their tokens. owners: for each token of the prompt the turn that it belongs to, NOWHERE for the frame.
    special: which tokens are; those that stand before what a turn says belong to the frame. An open answer begins
    behind the prompt."""
    found = []
    for index, turn in enumerate(turns):
        own = [place for place, owner in enumerate(owners) if owner == index]
        said = list(dropwhile(special.__getitem__, own))
        first, end = (said[0], said[-1] + 1) if said else (NOWHERE, NOWHERE)
        found.append(replace(turn, first=first, end=end, sent=index not in left_out))
    return (*found, Turn("assistant", "", len(owners)))


def is_answered(turns: Sequence[Turn], place: int) -> bool:
    """Whether the token at this place, or what comes there next, belongs to an answer."""
    begun = [turn for turn in turns if NOWHERE < turn.first <= place]
    return bool(begun) and begun[-1].is_answer and (begun[-1].is_open or place <= begun[-1].end)


def is_cut_off(turn: Turn, tokens: Sequence[TextToken]) -> bool:
    """Whether the template ended an answer that the model had not: what it wrote is known, and the end is not of it."""
    said = [tokens[place] for place in range_of(turn, tokens)]
    return bool(said) and said[-1].is_special and not said[-1].is_written and any(token.is_written for token in said)


def cut(turns: Sequence[Turn], place: int) -> tuple[Turn, ...]:
    """What is left when the text goes on anew from a token of an answer, which is open again then."""
    kept = [turn for turn in turns if turn.first <= place]
    return (*kept[:-1], replace(kept[-1], text="", end=NOWHERE))


def to_last_question(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Without what was answered to the last question."""
    asked = [index for index, turn in enumerate(turns) if turn.role == "user"]
    return tuple(turns[: asked[-1] + 1]) if asked else tuple(turn for turn in turns if not turn.is_answer)


def with_system(turns: Sequence[Turn], text: str) -> tuple[Turn, ...]:
    """The system prompt stands before all else; an empty one goes."""
    rest = tuple(turn for turn in turns if turn.role != "system")
    return (Turn("system", text), *rest) if text.strip() else rest
