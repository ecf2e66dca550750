"""ShareGPT: a list "conversations" of objects with from ("human", "gpt", ...) and value.

Tools as LLaMA-Factory writes them: "function_call" holds a call as JSON, "observation" what the tool gave back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.formats._rows import (
    Columns,
    Recognised,
    conversation_of,
    kind_of,
    list_of_turns,
    told,
)

TITLE = "ShareGPT"
_KEYS = ("conversations", "conversation", "messages", "")
_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_call": "function_call",
}


def recognise(rows: Sequence[Any], columns: Columns | None) -> list[Recognised]:
    found = [key for row in rows if (key := _key(row)) is not None]
    what = f'a list "{found[0]}" whose items have from and value' if found and found[0] else ""
    reason = told(len(found), rows, what or "a list of objects with from and value")
    return [Recognised(reason, convert)] if reason and not columns else []


def _key(row: Any) -> str | None:
    try:
        key, turns = list_of_turns(row, _KEYS)
    except ValueError:
        return None
    return key if turns and all("from" in turn and "value" in turn for turn in turns) else None


def convert(row: Any) -> Conversation:
    _, turns = list_of_turns(row, _KEYS)
    messages = [_message(turn, number) for number, turn in enumerate(turns, 1)]
    system = row.get("system") if isinstance(row, dict) else None
    if isinstance(system, str) and system.strip():
        messages.insert(0, Message("system", system))
    return conversation_of(messages)


def _message(turn: dict[str, Any], number: int) -> Message:
    speaker, value = turn.get("from"), turn.get("value")
    if not isinstance(speaker, str) or not isinstance(value, str):
        wrong = ("from", speaker) if not isinstance(speaker, str) else ("value", value)
        raise ValueError(f'Turn {number} has a "{wrong[0]}" that is {kind_of(wrong[1])}, not a text.')
    role = _ROLES.get(speaker.strip().lower(), speaker)
    if role == "function_call":
        return Message("assistant", "", {"tool_calls": [_call(value, number)]})
    return Message(role, value)


def _call(value: str, number: int) -> dict[str, Any]:
    try:
        call = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Turn {number} calls a tool, but what it says is not JSON.") from error
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError(f"Turn {number} calls a tool, but names none.")
    return {"type": "function", "function": {"name": call["name"], "arguments": call.get("arguments", {})}}
