"""Which characters of a text belong to which tokens, and the other way round, for what a person marks."""

from __future__ import annotations

import numpy as np

from app.pages.tokenizer.cut import Cut
from engine.tokenizer.tokenizer import clean


class Linked:
    """ends: for each token, how many bytes of the text end with it. Places in the text are counted as Qt counts them,
    in UTF-16."""

    def __init__(self, cut: Cut, ends: np.ndarray) -> None:
        self._text = clean(cut.text)
        self._ends = ends
        self.holds = bool(len(ends)) and int(ends[-1]) == cut.bytes  # not where a tokenizer rewrites its texts
        self._plain = self._text.isascii()

    def tokens(self, start: int, end: int) -> range:
        """The tokens that stand at least in part between two places."""
        if not self.holds or start >= end:
            return range(0)
        first = int(np.searchsorted(self._ends, self._byte(start), "right"))
        last = int(np.searchsorted(self._ends, self._byte(end), "left"))
        return range(first, min(last + 1, len(self._ends)))

    def places(self, first: int, end: int) -> tuple[int, int]:
        """Where tokens `first` to `end` - 1 begin and end; a character that they share with others is whole."""
        if not self.holds or first >= end:
            return 0, 0
        begin = int(self._ends[first - 1]) if first else 0
        return self._place(begin, False), self._place(int(self._ends[end - 1]), True)

    def _byte(self, place: int) -> int:
        if self._plain:
            return place
        before = self._text.encode("utf-16-le")[: 2 * place].decode("utf-16-le", errors="ignore")
        return len(before.encode())

    def _place(self, byte: int, whole: bool) -> int:
        if self._plain:
            return byte
        data = self._text.encode()
        while whole and byte < len(data) and data[byte] & 0xC0 == 0x80:
            byte += 1
        return len(data[:byte].decode(errors="ignore").encode("utf-16-le")) // 2
