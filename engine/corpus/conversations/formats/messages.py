"""OpenAI's messages: a list of objects with role and content, in "messages" (or "conversations", or the row itself).

Kept beside them: tool_calls, tool_call_id, name and whatever else a message holds. Not kept: what a row says beside its
messages, such as "tools". "developer" is OpenAI's newer word for "system". A content in parts is joined, if all are
text. Cutaway itself writes this form, with label, accept and topic beside the messages; those are read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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

TITLE = "Messages with role and content"
_KEYS = ("messages", "conversations", "conversation", "")
_ROLES = {"developer": "system"}


def recognise(rows: Sequence[Any], columns: Columns | None) -> list[Recognised]:
    found = [key for row in rows if (key := _key(row)) is not None]
    what = f'a list "{found[0]}" whose items have role and content' if found and found[0] else ""
    reason = told(len(found), rows, what or "a list of objects with role and content")
    return [Recognised(reason, convert)] if reason and not columns else []


def _key(row: Any) -> str | None:
    try:
        key, turns = list_of_turns(row, _KEYS)
    except ValueError:
        return None
    return key if turns and all("role" in turn for turn in turns) else None


def convert(row: Any) -> Conversation:
    _, turns = list_of_turns(row, _KEYS)
    conversation = conversation_of([_message(turn, number) for number, turn in enumerate(turns, 1)])
    return _as_written(conversation, row) if isinstance(row, dict) else conversation


def _as_written(conversation: Conversation, row: dict[str, Any]) -> Conversation:
    """A label counts only while it is what the assistant says: somebody may have edited that."""
    label, accept, topic = row.get("label"), row.get("accept"), row.get("topic")
    said = conversation.messages[-1].content if conversation.messages else ""
    sound = isinstance(accept, list) and said in accept and all(isinstance(text, str) for text in accept)
    return replace(
        conversation,
        label=label if isinstance(label, str) and label == said else "",
        accept=tuple(accept) if isinstance(accept, list) and sound else (),
        topic=topic if isinstance(topic, str) and topic else conversation.topic,
    )


def _message(turn: dict[str, Any], number: int) -> Message:
    role = turn.get("role")
    if not isinstance(role, str):
        raise ValueError(f"Turn {number} has no role.")
    extra = {key: value for key, value in turn.items() if key not in ("role", "content") and value not in (None, [])}
    return Message(_ROLES.get(role, role), _content(turn.get("content"), number), extra)


def _content(content: Any, number: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ValueError(f"The content of turn {number} is {kind_of(content)}, not a text.")
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else kind_of(part)
            raise ValueError(f'Turn {number} holds a part that is no text ("{kind}"); only text is read.')
    return "".join(part["text"] for part in content)
