"""A chat template in a few lines over bytes, whose answers end with a line feed: not what ends a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.corpus.conversation import Conversation, Message
from engine.tokenizer.kinds.byte import ByteTokenizer

END_OF_ANSWER = 10
_ENDS_OF_TURNS = {"user": 1, "assistant": END_OF_ANSWER}


@dataclass(frozen=True)
class Rendered:
    ids: tuple[int, ...]
    mask: tuple[bool, ...]
    turns: tuple[int, ...]


@dataclass(frozen=True)
class LineTemplate:
    """<|end|> U text 1 A text 10 ..., the assistant's text and its end trained."""

    tokenizer: ByteTokenizer = field(default_factory=ByteTokenizer)
    end_ids: frozenset[int] = frozenset((END_OF_ANSWER,))

    def encode(self, conversation: Sequence[Message]) -> Rendered:
        ids, mask, turns = [self.tokenizer.end_id], [False], [-1]
        for turn, message in enumerate(conversation):
            spoken = [*self.tokenizer.encode(message.content), _ENDS_OF_TURNS[message.role]]
            ids += [ord(message.role[0].upper()), *spoken]
            mask += [False, *[message.role == "assistant"] * len(spoken)]
            turns += [-1, *[turn] * len(spoken)]
        return Rendered(tuple(ids), tuple(mask), tuple(turns))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        return [*self.encode(messages).ids, ord("A")]


def asked(question: str, answer: str, accept: tuple[str, ...] = ()) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)), accept=accept)
