"""Where a conversation is not in order: at which turn, in the engine's words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.checking import problem_of

_REST = {
    "system": (Message("user", "?"), Message("assistant", "!")),
    "user": (Message("assistant", "!"),),
    "tool": (Message("assistant", "!"),),
}


@dataclass(frozen=True)
class Problem:
    """turn: index of the message that it concerns, -1 for the conversation as a whole. words: "" for none."""

    turn: int
    words: str


def problem_at(conversation: Conversation) -> Problem:
    """The first turn up to which no ending could set the conversation right."""
    whole = problem_of(conversation)
    if whole is None:
        return Problem(-1, "")
    for turn, message in enumerate(conversation.messages):
        rest = _REST.get(message.role, ())
        words = problem_of(Conversation((*conversation.messages[: turn + 1], *rest)))
        if words is not None:
            return Problem(turn, words)
    return Problem(-1, whole)
