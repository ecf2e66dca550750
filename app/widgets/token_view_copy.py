"""Tokens for the clipboard: as text, as ids, or as JSON that tells everything of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum

from app.widgets.token_view_colour import TokenChip


class CopyForm(Enum):
    """The words are what a menu shows."""

    TEXT = "Copy as text"
    IDS = "Copy ids"
    JSON = "Copy as JSON"


def copied(tokens: Sequence[TokenChip], form: CopyForm) -> str:
    """ids: one list, typed text that no model has read left out. JSON: a list of {"id", "text", "bytes"}, the bytes in
    hexadecimal; each distinct token is written once and then repeated, for there may be a million."""
    if form is CopyForm.TEXT:
        return b"".join(chip.data for chip in tokens).decode("utf-8", errors="replace")
    read = [chip for chip in tokens if chip.token_id >= 0]
    if form is CopyForm.IDS:
        return str([chip.token_id for chip in read])
    known: dict[tuple[int, str], str] = {}
    for chip in read:
        if (chip.token_id, chip.text) not in known:
            entry = {"id": chip.token_id, "text": chip.text, "bytes": chip.data.hex()}
            known[chip.token_id, chip.text] = json.dumps(entry, ensure_ascii=False)
    return "[\n" + ",\n".join(known[chip.token_id, chip.text] for chip in read) + "\n]"
