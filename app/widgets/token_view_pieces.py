"""What is painted for each distinct token: its pieces, measured once.

A piece is what stands at one place: a token, a part of one (a newline inside it, or a token wider than the view) or a
split character, whose several tokens share one box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.widgets.token_view_colour import TokenChip

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

NEWLINE_MARK = "↵"
_TAB = "    "
_PICTURES: dict[int, int | str | None] = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
_PICTURES |= {9: _TAB, 127: 0x2421}
_JOINERS = ("\u200d", "\ufe0f", "\U0001f3fb", "\U0001f3fc", "\U0001f3fd", "\U0001f3fe", "\U0001f3ff")


@dataclass(frozen=True)
class Measures:
    """Pixels. advance: width of a text in the view's font; byte: width of one hexadecimal pair in the byte font."""

    advance: Callable[[str], float]
    byte: float
    line_height: int
    box_line_height: int
    padding: int
    gap: int


class Column:
    """A numpy array that grows at its end."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._all: NDArray[Any] = np.empty(256, dtype=dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def array(self) -> NDArray[Any]:
        """What is in it; valid until it grows."""
        return self._all[: self._count]

    def extend(self, values: Sequence[float] | NDArray[Any]) -> None:
        end = self._count + len(values)
        if end > len(self._all):
            larger = np.empty(max(end, len(self._all) * 3 // 2), dtype=self._all.dtype)
            larger[: self._count] = self.array
            self._all = larger
        self._all[self._count : end] = values
        self._count = end

    def cut(self, count: int) -> None:
        self._count = min(count, self._count)


class PieceTable:
    """texts and, for each piece, width and gap (px behind it), breaks (a line may begin with it), spaced (it ends in a
    space), ends (its line ends behind it), box. For each kind of token: first piece and count, 0 when it is a part of a
    character and only its neighbours tell what is painted."""

    def __init__(self, measures: Measures, room: float, as_bytes: bool) -> None:
        self.measures = measures
        self.texts: list[str] = []
        self.width, self.gap = Column(np.float64), Column(np.int32)
        self.breaks, self.spaced, self.ends, self.box = (Column(np.bool_) for _ in range(4))
        self.first, self.count = Column(np.int32), Column(np.int32)
        self._room = room
        self._as_bytes = as_bytes
        self._boxes: dict[tuple[str, int, int], int] = {}
        self._new: list[tuple[float, int, bool, bool, bool, bool]] = []

    def cover(self, kinds: Sequence[TokenChip]) -> None:
        """Makes the pieces of kinds that came since the last time."""
        if len(kinds) == len(self.first):
            return
        firsts, counts = [], []
        for chip in kinds[len(self.first) :]:
            firsts.append(len(self.texts))
            self._add_token(chip)
            counts.append(len(self.texts) - firsts[-1])
        self.first.extend(firsts)
        self.count.extend(counts)
        self._keep()

    def box_of(self, text: str, chips: Sequence[TokenChip]) -> int:
        """The piece of a character that several tokens share."""
        key = (text, sum(len(chip.data) for chip in chips), len(chips))
        if key not in self._boxes:
            self._boxes[key] = len(self.texts)
            cells = sum(map(self.cell_width, chips)) + len(chips) - 1
            width = max(cells, self.measures.advance(text)) + 2 * (self.measures.padding + 2)
            self._add(text, width, 2, breaks=True, box=True)
            self._keep()
        return self._boxes[key]

    def cell_width(self, chip: TokenChip) -> float:
        """Of one token's bytes below the character."""
        return max(len(chip.data), 1) * self.measures.byte + 4

    def _add_token(self, chip: TokenChip) -> None:
        if self._as_bytes and chip.data:
            self._add_line(chip.data.hex(" ").upper(), chip, chip.text[:1] in (" ", "\t"), b"\n" in chip.data)
        elif "\ufffd" in chip.text or not chip.text:
            if is_whole(chip.data):
                text = chip.data.decode() or chip.text or f"#{chip.token_id}"
                self._add_line(text.translate(_PICTURES), chip, text[:1] == " ", False)
        else:
            *lines, last = chip.text.split("\n")
            for line in lines:
                shown = line.translate(_PICTURES) + NEWLINE_MARK
                self._add_line(shown, chip, shown[:1] == " ", True)
            if last:
                shown = last.translate(_PICTURES)
                self._add_line(shown, chip, shown[:1] == " ", False)

    def _add_line(self, text: str, chip: TokenChip, breaks: bool, ends: bool) -> None:
        """A token, or one line of it; in parts where it is wider than the view."""
        measures = self.measures
        padding, gap = (0, 0) if chip.plain else (2 * measures.padding, measures.gap)
        width = measures.advance(text) + padding
        if width <= self._room or len(text) < 2:
            self._add(text, width, gap, breaks, ends)
            return
        *parts, last = self._parts(text, self._room - padding)
        for part in parts:
            self._add(part, measures.advance(part) + padding, gap, breaks)
        self._add(last, measures.advance(last) + padding, gap, breaks, ends)

    def _add(
        self, text: str, width: float, gap: int, breaks: bool = False, ends: bool = False, box: bool = False
    ) -> None:
        self.texts.append(text)
        self._new.append((width, gap, breaks, text[-1:] == " ", ends, box))

    def _keep(self) -> None:
        """Puts what was added into the columns, all at once: a numpy call costs as much as a token."""
        columns = (self.width, self.gap, self.breaks, self.spaced, self.ends, self.box)
        for column, values in zip(columns, zip(*self._new, strict=True), strict=True) if self._new else ():
            column.extend(values)
        self._new.clear()

    def _parts(self, text: str, room: float) -> Iterator[str]:
        """A text wider than the view, cut where the line ends."""
        start = 0
        while start < len(text):
            size = 1
            while start + size < len(text) and self.measures.advance(text[start : start + size + 1]) <= room:
                size += 1
            yield text[start : start + size]
            start += size


def box_text(text: str) -> str:
    """What stands in the box of a split character."""
    return text.strip().translate(_PICTURES) or "\ufffd"


def is_whole(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def split_character(tokens: Sequence[TokenChip], index: int) -> tuple[int, str]:
    """How many tokens from `index` on make up whole characters, and their text (U+FFFD for bytes that never do).

    An emoji that is joined from several characters (a family, a skin tone) stays together when it is split.
    """
    data, count = tokens[index].data, 1
    while not is_whole(data) and count < 8 and _is_cut_short(data) and index + count < len(tokens):
        data += tokens[index + count].data
        count += 1
    while is_whole(data) and count > 1 and index + count < len(tokens):
        more, taken = b"", 0
        while taken < 8 and index + count + taken < len(tokens) and (not more or not is_whole(more)):
            more += tokens[index + count + taken].data
            taken += 1
        if not is_whole(more) or not (more.decode().startswith(_JOINERS) or data.decode().endswith("\u200d")):
            break
        data, count = data + more, count + taken
    return count, data.decode("utf-8", errors="replace")


def _is_cut_short(data: bytes) -> bool:
    """Whether the bytes are the beginning of a character and more may follow."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False
