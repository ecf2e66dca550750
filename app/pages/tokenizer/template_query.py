"""Writes a conversation with the chosen tokenizer's template, on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.jobs.query import EngineSide, Query
from app.widgets.token_view_colour import TokenChip
from engine.corpus.conversation import Message
from engine.tokenizer.chat_template import CHATML, template_of
from engine.tokenizer.chat_tokens import CHAT_TOKENS, with_chat_tokens
from engine.tokenizer.tokenizer import Tokenizer

FRAME = "the frame"


@dataclass(frozen=True)
class Turn:
    """Tokens of one message next to each other, or of the frame. chips: value 1 trained, 0 only read."""

    role: str
    chips: tuple[TokenChip, ...]

    @property
    def trained(self) -> int:
        return sum(chip.value == 1.0 for chip in self.chips)


@dataclass(frozen=True)
class Written:
    """text: what the template writes. added: special tokens that the tokenizer did not have. note: of the template."""

    turns: tuple[Turn, ...]
    text: str
    added: tuple[str, ...]
    note: str

    @property
    def tokens(self) -> int:
        return sum(len(turn.chips) for turn in self.turns)

    @property
    def trained(self) -> int:
        return sum(turn.trained for turn in self.turns)


def writing(tokenizer: Tokenizer, messages: Sequence[Message]) -> Query:
    """Yields one Written. The error of a template that does not take the conversation reaches who asked."""

    def query(_: EngineSide) -> Iterator[object]:
        yield write(tokenizer, messages)

    return query


def write(tokenizer: Tokenizer, messages: Sequence[Message]) -> Written:
    """With Cutaway's template and its special tokens. Raises CutawayError for what it does not take."""
    added = tuple(name for name in CHAT_TOKENS if name not in tokenizer.special)
    own = with_chat_tokens(tokenizer)
    template = template_of(own, CHATML)
    rendered = template.encode(messages)
    turns: list[Turn] = []
    first = 0
    for at in range(1, len(rendered.ids) + 1):
        if at == len(rendered.ids) or rendered.turns[at] != rendered.turns[first]:
            turn = rendered.turns[first]
            chips = tuple(_chip(own, rendered.ids[i], rendered.mask[i]) for i in range(first, at))
            turns.append(Turn(messages[turn].role if turn >= 0 else FRAME, chips))
            first = at
    return Written(tuple(turns), template.render(messages), added, rendered.note)


def _chip(tokenizer: Tokenizer, token_id: int, trained: bool) -> TokenChip:
    data = tokenizer.token_bytes(token_id)
    special = not data or token_id in tokenizer.end_ids
    return TokenChip(tokenizer.token_text(token_id), token_id, data, float(trained), special)
