"""A text that a template wrote, cut where special tokens stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from engine.tokenizer.tokenizer import SpecialToken


@dataclass(frozen=True)
class Stretch:
    """A special token, or text between two, without the marks that kept it text. start, end: its place in the text that
    was cut, end exclusive; white space that a special token swallows belongs to no stretch."""

    start: int
    end: int
    text: str
    token_id: int | None = None
    _places: tuple[int, ...] = field(default=(), repr=False)

    def place(self, index: int) -> int:
        """Where the character `index` of `text` stands in the text that was cut."""
        if not self._places:
            return self.start + index
        return self._places[index] if index < len(self._places) else self.end


def stretches(text: str, special: Mapping[str, SpecialToken], mark: str) -> Iterator[Stretch]:
    """The whole text, piece by piece. A name of one character, which no mark could keep text, is always text."""
    position = 0
    for match in _pattern(tuple(name for name in special if len(name) > 1)).finditer(text):
        token = special[match[0]]
        start, end = match.span()
        if token.word and (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            continue
        before, after = start, end
        while token.left and before > position and text[before - 1].isspace():
            before -= 1
        while token.right and after < len(text) and text[after].isspace():
            after += 1
        if before > position:
            yield _plain(text, position, before, mark)
        yield Stretch(start, end, match[0], token.token_id)
        position = after
    if position < len(text):
        yield _plain(text, position, len(text), mark)


def _plain(text: str, start: int, end: int, mark: str) -> Stretch:
    found = text[start:end]
    if mark not in found:
        return Stretch(start, end, found)
    places = tuple(start + index for index, character in enumerate(found) if character != mark)
    return Stretch(start, end, found.replace(mark, ""), None, places)


@lru_cache(maxsize=32)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")
