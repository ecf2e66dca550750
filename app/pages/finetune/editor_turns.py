"""A conversation changed in one place: each function gives a new one."""

from __future__ import annotations

from dataclasses import replace

from engine.corpus.conversation import Conversation, Message

EMPTY = Conversation((Message("user", ""), Message("assistant", "")))
_FOLLOWS = {"system": "user", "user": "assistant", "assistant": "user", "tool": "assistant"}


def with_text(conversation: Conversation, turn: int, text: str) -> Conversation:
    return _with(conversation, turn, replace(conversation.messages[turn], content=text))


def with_role(conversation: Conversation, turn: int, role: str) -> Conversation:
    """Tool calls belong to the assistant alone, and go with its role."""
    old = conversation.messages[turn]
    extra = {key: value for key, value in old.extra.items() if key != "tool_calls" or role == "assistant"}
    return _with(conversation, turn, Message(role, old.content, extra))


def with_turn(conversation: Conversation, turn: int, message: Message) -> Conversation:
    """The message comes to stand at place `turn`."""
    messages = list(conversation.messages)
    messages.insert(turn, message)
    return _changed(conversation, tuple(messages))


def without_turn(conversation: Conversation, turn: int) -> Conversation:
    return _changed(conversation, conversation.messages[:turn] + conversation.messages[turn + 1 :])


def moved(conversation: Conversation, turn: int, by: int) -> Conversation:
    """The turn goes `by` places down, or stays when there is no such place."""
    messages = list(conversation.messages)
    if not 0 <= turn + by < len(messages):
        return conversation
    messages.insert(turn + by, messages.pop(turn))
    return _changed(conversation, tuple(messages))


def next_role(conversation: Conversation) -> str:
    """Who speaks next, as a rule."""
    return _FOLLOWS.get(conversation.messages[-1].role, "user") if conversation.messages else "user"


def _with(conversation: Conversation, turn: int, message: Message) -> Conversation:
    messages = list(conversation.messages)
    messages[turn] = message
    return _changed(conversation, tuple(messages))


def _changed(conversation: Conversation, messages: tuple[Message, ...]) -> Conversation:
    """What was right before need not be right of another text."""
    return replace(conversation, messages=messages, accept=())
