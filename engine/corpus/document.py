"""What a corpus is made of: documents, and notes of what was left out."""

from __future__ import annotations

from dataclasses import dataclass

Mark = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Document:
    """A piece of text that belongs together; never empty, always encodable as UTF-8.

    source: where it came from, in words ("notes.txt, line 12"). marks: (start, end, role) in characters of `text`,
    role "name" or "value": what the built-in world underlines.
    """

    text: str
    source: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """A document, row or file that was left out, and the reason as a sentence."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader came, in bytes. total: 0 while files are still being looked for."""

    done: int
    total: int
