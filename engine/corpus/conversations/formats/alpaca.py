"""Alpaca: instruction and output, perhaps an input that the instruction is about, and a system text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.formats._rows import Columns, Recognised, exchange, fields_of, kind_of, text_of, told

TITLE = "Alpaca"


def recognise(rows: Sequence[Any], columns: Columns | None) -> list[Recognised]:
    matching = sum(isinstance(row, dict) and "instruction" in row and "output" in row for row in rows)
    what = '"instruction", "input" and "output"' if "input" in fields_of(rows) else '"instruction" and "output"'
    reason = told(matching, rows, what)
    return [Recognised(reason, convert)] if reason and not columns else []


def convert(row: Any) -> Conversation:
    """The input stands below the instruction, after a blank line."""
    instruction, output = text_of(row, "instruction"), text_of(row, "output")
    given, system = (_optional(row, field) for field in ("input", "system"))
    if row.get("history"):
        raise ValueError('The row has a "history" of earlier turns; write such rows as messages.')
    return exchange(f"{instruction}\n\n{given}" if given.strip() else instruction, output, system.strip())


def _optional(row: dict[str, Any], field: str) -> str:
    value = row.get(field) or ""
    if not isinstance(value, str):
        raise ValueError(f'The field "{field}" holds {kind_of(value)}, not a text.')
    return value
