"""A question in one column and its answer in another: a table, or JSON objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.formats._rows import Columns, Recognised, exchange, fields_of, named, text_of, told

TITLE = "A question and an answer"
PAIRS = (
    ("question", "answer"),
    ("question", "response"),
    ("prompt", "response"),
    ("prompt", "completion"),
    ("prompt", "answer"),
    ("instruction", "response"),
    ("instruction", "answer"),
    ("query", "response"),
    ("query", "answer"),
    ("user", "assistant"),
    ("input", "output"),
)


def recognise(rows: Sequence[Any], columns: Columns | None) -> list[Recognised]:
    """One for every pair of columns that it could be; those that were chosen, when they are there."""
    fields = fields_of(rows)
    if columns:
        pairs = [columns] if all(name in fields for name in columns) else []
    else:
        # With an instruction, "input" and "output" are Alpaca's.
        candidates = [pair for pair in PAIRS if pair != ("input", "output") or named(fields, "instruction") is None]
        found = [(named(fields, question), named(fields, answer)) for question, answer in candidates]
        pairs = [(question, answer) for question, answer in found if question is not None and answer is not None]
    return [recognised for pair in pairs for recognised in _recognised(rows, pair)]


def _recognised(rows: Sequence[Any], pair: Columns) -> list[Recognised]:
    question, answer = pair

    def convert(row: Any) -> Conversation:
        return exchange(text_of(row, question), text_of(row, answer))

    matching = sum(isinstance(row, dict) and question in row and answer in row for row in rows)
    reason = told(matching, rows, f'a question in "{question}" and its answer in "{answer}"')
    return [Recognised(reason, convert)] if reason else []
