"""Typing in a long text: only the words around a change are encoded again, and the ids are those of the whole text.

A text may be cut where its tokenizer always ends a word, whatever follows. Where that is, the tokenizer itself tells:
`Tokenizer.pieces` cuts long texts there.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.pages.tokenizer.cut import Cut, joined
from engine.tokenizer.tokenizer import PIECE_CHARACTERS, Tokenizer, clean

_AT_SPACE, _AT_LINE = r"(?<=\S)(?= )", r"(?<=\n)(?=\S)"
_ANYWHERE = ("byte", "character")
_MOST_CHARACTERS = 8192
_NEAR = 2048


@dataclass(frozen=True, eq=False)
class Edit:
    """Tokens first to end - 1 of the text before become `ids`; cut: the text after."""

    first: int
    end: int
    ids: array[int]
    cut: Cut


class Editing:
    """What a tokenizer allows to be encoded alone."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._anywhere = tokenizer.kind in _ANYWHERE

    def edit(self, before: Cut, text: str) -> Edit | None:
        """None where the text has to be encoded as a whole: too much changed, or nobody knows where words end."""
        old, new = clean(before.text), clean(text)
        window = self._window(old, new)
        if window is None or not (self._is_exact(old) and self._is_exact(new)):
            return None
        start, old_end, new_end = window
        ends = self.ends(before)
        first, end = (_tokens_before(ends, _bytes_before(old, place)) for place in (start, old_end))
        if first is None or end is None:
            return None
        ids = array("i", self.tokenizer.encode(new[start:new_end]))
        return Edit(first, end, ids, joined(text, before.ids[:first] + ids + before.ids[end:]))

    def ends(self, cut: Cut) -> np.ndarray:
        """For each token, how many bytes of the text end with it."""
        return np.cumsum(self._lengths[np.asarray(cut.ids)])

    @cached_property
    def _lengths(self) -> np.ndarray:
        size = range(self.tokenizer.vocab_size)
        return np.array([len(self.tokenizer.token_bytes(i)) for i in size], dtype=np.int64)

    @cached_property
    def _border(self) -> re.Pattern[str] | None:
        """Where words always end, as far as the pieces of two sample texts show."""
        found = []
        for sample, border, place in ((" x", _AT_SPACE, 0), ("x\n", _AT_LINE, -1)):
            text = sample * PIECE_CHARACTERS
            end = len(next(self.tokenizer.pieces(text)))
            if end < len(text) and text[end + place] == sample.strip("x"):
                found.append(border)
        return re.compile("|".join(found)) if found else None

    def _window(self, old: str, new: str) -> tuple[int, int, int] | None:
        """Where the change begins, and where it ends in both texts, widened to borders that both have."""
        before, behind = _common(old, new)
        old_end, new_end = len(old) - behind, len(new) - behind
        if self._anywhere:
            return before, old_end, new_end
        if self._border is None:
            return None
        start = 0
        for match in self._border.finditer(new, max(before - _NEAR, 0), before):
            start = match.start()
        after = self._border.search(new, new_end + 1, min(new_end + _NEAR, len(new)))
        stop = after.start() if after else len(new)
        if stop - start > _MOST_CHARACTERS:
            return None
        return start, stop + old_end - new_end, stop

    def _is_exact(self, text: str) -> bool:
        """Whether the text is cut between words only, so that no place depends on how much stands before it."""
        if self._anywhere or len(text) <= PIECE_CHARACTERS:
            return True
        end = 0
        for piece in self.tokenizer.pieces(text):
            end += len(piece)
            if end < len(text) and not (self._border and self._border.match(text, end)):
                return False
        return True


def _tokens_before(ends: np.ndarray, place: int) -> int | None:
    """How many tokens end at a byte of the text or before it; None where one reaches over it."""
    count = int(np.searchsorted(ends, place, "right"))
    return count if place == (int(ends[count - 1]) if count else 0) else None


def _bytes_before(text: str, place: int) -> int:
    return place if text.isascii() else len(text[:place].encode())


def _common(old: str, new: str) -> tuple[int, int]:
    """How many characters both have at the beginning, and how many of the others at the end."""
    least = min(len(old), len(new))
    before = _shared(least, lambda count: old[:count] == new[:count])
    behind = _shared(least - before, lambda count: old[len(old) - count :] == new[len(new) - count :])
    return before, behind


def _shared(most: int, alike: Callable[[int], bool]) -> int:
    """The largest count up to `most` that is alike; every smaller one is too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if alike(middle) else (low, middle - 1)
    return low
