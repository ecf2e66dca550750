"""A conversation as the model reads it: tokens, which are trained, and to which turn each belongs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.widgets.token_view_colour import TokenChip
from engine.corpus.conversation import Conversation
from engine.tokenizer.tokenizer import Tokenizer

SHOWN_TOKENS = 6_000
FRAME = "template"


@dataclass(frozen=True)
class Group:
    """Tokens first to end - 1 of one turn, next to each other. turn: index of the message, -1 for the frame."""

    turn: int
    role: str
    first: int
    end: int


@dataclass(frozen=True)
class Masked:
    """ids [T], mask [T] (trained or not), turns [T] (index of the message, -1 for the frame). limit: tokens that the
    model sees of it; those behind are cut off."""

    conversation: Conversation
    ids: tuple[int, ...]
    mask: tuple[bool, ...]
    turns: tuple[int, ...]
    limit: int

    @property
    def trained(self) -> int:
        """Trained tokens within the limit."""
        return sum(self.mask[: self.limit])

    @property
    def seen(self) -> int:
        return min(len(self.ids), self.limit)

    def role(self, turn: int) -> str:
        messages = self.conversation.messages
        return messages[turn].role if 0 <= turn < len(messages) else FRAME

    def groups(self) -> Iterator[Group]:
        first = 0
        for at in range(1, len(self.ids) + 1):
            if at == len(self.ids) or self.turns[at] != self.turns[first]:
                yield Group(self.turns[first], self.role(self.turns[first]), first, at)
                first = at

    def chip(self, tokenizer: Tokenizer, at: int) -> TokenChip:
        """value: 1 trained, 0 only read, None behind the limit."""
        token_id = self.ids[at]
        data = tokenizer.token_bytes(token_id)
        text = tokenizer.token_text(token_id)
        special = not data or token_id in tokenizer.end_ids
        value = None if at >= self.limit else float(self.mask[at])
        return TokenChip(text, token_id, data, value, special)
