"""What the formats share: how rows are looked at, and how it is told what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.rejected import shown

Columns = tuple[str, str]


@dataclass(frozen=True)
class Recognised:
    """reason: a sentence. convert: a row's value -> a conversation that may still be unsound; raises ValueError with
    the reason for a row of another form."""

    reason: str
    convert: Callable[[Any], Conversation]


def told(matching: int, rows: Sequence[Any], what: str) -> str:
    """ "Every row has ..."; empty when fewer than half of the rows are so."""
    if not rows or 2 * matching < len(rows):
        return ""
    return f"Every row has {what}." if matching == len(rows) else f"{matching} of {len(rows)} rows have {what}."


def fields_of(rows: Sequence[Any]) -> list[str]:
    """Those that at least half of the rows have, in the order of the first row that has them."""
    counts: dict[str, int] = {}
    for row in rows:
        if isinstance(row, dict):
            for name in row:
                counts[name] = counts.get(name, 0) + 1
    return [name for name, count in counts.items() if 2 * count >= len(rows)]


def named(fields: Sequence[str], name: str) -> str | None:
    """The field of that name, however it is capitalised."""
    return next((field for field in fields if field.strip().casefold() == name), None)


def text_of(row: Any, field: str) -> str:
    """Raises ValueError when the row has no such text."""
    if not isinstance(row, dict):
        raise ValueError(f"The row is {kind_of(row)}, not an object with fields.")
    if field not in row:
        raise ValueError(f'The row lacks the field "{field}"; it has {listed(list(row))}.')
    value = row[field]
    if not isinstance(value, str):
        raise ValueError(f'The field "{field}" holds {kind_of(value)}, not a text.')
    if not value.strip():
        raise ValueError(f'The field "{field}" is empty.')
    return value


def listed(names: Sequence[str]) -> str:
    return (
        ", ".join(f'"{shown(name, 40)}"' for name in names[:8]) + (" ..." if len(names) > 8 else "")
        or "no field at all"
    )


def kind_of(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing (null)"}
    return kinds.get(type(value), "a number")


def exchange(question: str, answer: str, system: str = "", label: str = "") -> Conversation:
    """One question and its answer. topic: "question", or the label of a text that is to be classified."""
    first = (Message("system", system),) if system else ()
    messages = (*first, Message("user", question), Message("assistant", answer))
    return Conversation(messages, label=label, topic=label or "question")


def conversation_of(messages: Sequence[Message]) -> Conversation:
    """topic: "question" for one question and its answer, "dialogue" for more."""
    asked = sum(message.role == "user" for message in messages)
    return Conversation(tuple(messages), topic="dialogue" if asked > 1 else "question")


def list_of_turns(row: Any, keys: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """Under which key a row holds a list of objects, and the list. Raises ValueError when it holds none."""
    if isinstance(row, list):
        row = {"": row}
    if not isinstance(row, dict):
        raise ValueError(f"The row is {kind_of(row)}, not an object with a list of turns.")
    key = next((key for key in keys if key in row), None)
    if key is None:
        raise ValueError(f"The row has no list of turns; it has {listed(list(row))}.")
    turns = row[key]
    if not isinstance(turns, list):
        raise ValueError(f'The field "{key}" holds {kind_of(turns)}, not a list of turns.')
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise ValueError(f"Turn {number} is {kind_of(turn)}, not an object.")
    return key, turns
