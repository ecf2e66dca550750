"""A long text becomes many documents, so that a split by document is fair and nothing large is held in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

TARGET_CHARACTERS = 2_000
LONGEST_PARAGRAPH = 20_000
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def split_text(
    blocks: Iterable[str], target: int = TARGET_CHARACTERS, longest: int = LONGEST_PARAGRAPH
) -> Iterator[str]:
    """Pieces of about `target` characters, cut at blank lines; joined they are the blocks again.

    A paragraph longer than `longest` is cut at its last line end, else at a space, else where it stands, so that a
    text without any blank line still streams: never more than `longest` characters and one block are held.
    """
    rest = ""
    for block in blocks:
        rest += block
        start = 0
        while (end := _cut(rest, start, target, longest)) > start:
            yield rest[start:end]
            start = end
        rest = rest[start:]
    if rest:
        yield rest


def _cut(text: str, start: int, target: int, longest: int) -> int:
    """Where the piece that begins at `start` ends; `start` itself when more text is needed to know."""
    found = _BLANK_LINES.search(text, start + target, start + longest)
    if found and found.end() < min(len(text), start + longest):
        return found.end()
    if len(text) - start <= longest:
        return start
    for mark in ("\n", " "):
        place = text.rfind(mark, start + longest // 2, start + longest)
        if place > start:
            return place + 1
    return start + longest
