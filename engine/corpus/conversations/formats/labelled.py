"""Texts with a label each, to be classified: two columns, or fastText's lines "__label__happy What a day!"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.formats._rows import (
    Columns,
    Recognised,
    exchange,
    fields_of,
    kind_of,
    named,
    text_of,
    told,
)

TITLE = "Texts with a label"
TEXTS = ("text", "sentence", "review", "tweet", "comment", "content", "message", "utterance")
LABELS = ("label_text", "label", "labels", "sentiment", "category", "class", "intent", "topic", "emotion", "target")
_MARK = "__label__"


def recognise(rows: Sequence[Any], columns: Columns | None) -> list[Recognised]:
    """One for every pair of columns that it could be; those that were chosen, when they are there."""
    lines = sum(isinstance(row, str) and row.startswith(_MARK) for row in rows)
    reason = told(lines, rows, f"a label that begins with {_MARK} before its text")
    if reason and not columns:
        return [Recognised(reason, _line)]
    fields = fields_of(rows)
    if columns:
        pairs = [columns] if all(name in fields for name in columns) else []
    else:
        texts = [field for name in TEXTS if (field := named(fields, name)) is not None]
        labels = [field for name in LABELS if (field := named(fields, name)) is not None]
        if labels and labels[0].strip().casefold() == "label_text":  # "label" beside it is its number
            labels = [label for label in labels if label.strip().casefold() != "label"]
        pairs = [(text, label) for text in texts for label in labels]
    return [recognised for pair in pairs for recognised in _recognised(rows, pair)]


def _recognised(rows: Sequence[Any], pair: Columns) -> list[Recognised]:
    text, label = pair

    def convert(row: Any) -> Conversation:
        said = text_of(row, text)
        return _labelled(said, _label(row.get(label), label))

    matching = sum(isinstance(row, dict) and text in row and label in row for row in rows)
    reason = told(matching, rows, f'a text in "{text}" and its label in "{label}"')
    return [Recognised(reason, convert)] if reason else []


def _labelled(text: str, label: str) -> Conversation:
    return exchange(text, label, label=label)


def _label(value: Any, field: str) -> str:
    """A text, a whole number, true or false. Raises ValueError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise ValueError(f'The label in "{field}" is {value}: labels are words or whole numbers.')
    if not isinstance(value, str):
        raise ValueError(f'The label in "{field}" is {kind_of(value)}, not a word.')
    if not value.strip():
        raise ValueError(f'The label in "{field}" is empty.')
    return value.strip()


def _line(row: Any) -> Conversation:
    label, _, text = row.partition(" ") if isinstance(row, str) else ("", "", "")
    if not label.startswith(_MARK) or label == _MARK:
        raise ValueError(f"The line does not begin with {_MARK} and a label.")
    if text.lstrip().startswith(_MARK):
        raise ValueError("The line has more than one label; each text needs exactly one.")
    if not text.strip():
        raise ValueError("There is no text behind the label.")
    return _labelled(text.strip(), label.removeprefix(_MARK))
