"""What is wrong with a conversation, in words: the same for files that are read and for what is typed in the window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.corpus.conversation import ROLES, Conversation, Message

_OWNERS = {"system": "the system's", "user": "the user's", "assistant": "the assistant's", "tool": "a tool's output"}


def problem_of(conversation: Conversation) -> str | None:
    """The first thing that keeps a conversation from being learned from, as a sentence that names the turn, counted
    from 1; None when it is sound.

    Sound is: at most one system turn, the first; then user and assistant in turn, beginning with the user and ending
    with the assistant; tool outputs only after an assistant's turn that called tools, no more than were called. No
    turn is empty but one that calls tools, or a tool's output.
    """
    messages = conversation.messages
    if not messages:
        return "It has no turns."
    for number, message in enumerate(messages, 1):
        problem = _problem_of_turn(message, number) or _problem_of_place(messages, number)
        if problem:
            return problem
    if all(message.role != "assistant" for message in messages):
        return "No turn is the assistant's, so there is nothing to learn."
    if messages[-1].role != "assistant":
        return f"The last turn (turn {len(messages)}) is {_OWNERS[messages[-1].role]}; it must be the assistant's."
    return _problem_of_text(conversation)


def _problem_of_turn(message: Message, number: int) -> str | None:
    if message.role not in ROLES:
        return f'Turn {number} has the role "{message.role[:40]}"; the roles are system, user, assistant and tool.'
    calls = message.extra.get("tool_calls")
    if calls is not None and message.role != "assistant":
        return f"Turn {number} calls a tool, but is {_OWNERS[message.role]}; only the assistant calls tools."
    if calls is not None and not _are_calls(calls):
        return f"Turn {number} has tool_calls that are not a list of calls, each with a function and its name."
    if not message.content.strip() and message.role != "tool" and not calls:
        return f"Turn {number} ({message.role}) is empty."
    return None


def _are_calls(calls: Any) -> bool:
    return (
        isinstance(calls, list)
        and bool(calls)
        and all(
            isinstance(call, dict)
            and isinstance(call.get("function"), dict)
            and isinstance(call["function"].get("name"), str)
            for call in calls
        )
    )


def _problem_of_place(messages: Sequence[Message], number: int) -> str | None:
    """Whether a turn may stand after the one before it."""
    role = messages[number - 1].role
    if role == "system":
        return None if number == 1 else f"Turn {number} is the system's; only the first turn may be."
    if role == "tool":
        return _problem_of_output(messages, number)
    before = messages[number - 2].role if number > 1 else "system"
    if number > 1 and messages[number - 2].extra.get("tool_calls") and before == "assistant":
        return f"Turn {number - 1} calls a tool, but turn {number} is {_OWNERS[role]}; a tool's output must follow."
    if before == "system" and role == "assistant":
        return f"Turn {number} is the assistant's, before any user's turn."
    if before == role or (before == "tool" and role == "user"):
        return f"Turns {number - 1} and {number} are out of order: {before}, then {role}."
    return None


def _problem_of_output(messages: Sequence[Message], number: int) -> str | None:
    outputs = 1
    while outputs < number and messages[number - 1 - outputs].role == "tool":
        outputs += 1
    caller = messages[number - 1 - outputs] if outputs < number else None
    calls = caller.extra.get("tool_calls") if caller and caller.role == "assistant" else None
    if not calls:
        return f"Turn {number} is a tool's output, but no tool was called before it."
    if outputs > len(calls):
        return f"Turn {number} is one tool's output more than tools were called."
    return None


def _problem_of_text(conversation: Conversation) -> str | None:
    try:
        json.dumps(conversation.to_json(), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "The text holds half a character (a lone surrogate)."
    return None
