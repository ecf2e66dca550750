"""Where every token stands: lines of pieces, broken between words, rebuilt only from the line that changes.

The columns are numpy arrays with one entry for each piece in the text (see `token_view_pieces`), so that a million of
them take sixteen megabytes and a fraction of a second; a long text is laid out a stretch at a time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.widgets.token_view_colour import TokenChip
from app.widgets.token_view_pieces import Column, Measures, PieceTable, box_text, split_character

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.widgets.token_view_tokens import Run

STRETCH = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its top and height in pixels, its pieces first to end - 1."""

    y: int
    height: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One place in a line. token: its first; count: tokens in it, more than one only in a box. x, width: pixels."""

    token: int
    count: int
    text: str
    x: float
    width: float
    box: bool


class TokenLayout:
    """done: how many tokens have been laid out. height: of the lines there are."""

    def __init__(self, measures: Measures, width: float, *, as_bytes: bool = False) -> None:
        self.measures = measures
        self.width = max(width, 40.0)
        self.height = 0
        self.done = 0
        self._table = PieceTable(measures, self.width, as_bytes)
        self._token, self._piece, self._left = Column(np.int32), Column(np.int32), Column(np.float64)
        self._boxes = array("i")
        self._row_first: list[int] = []
        self._row_y: list[int] = []
        self._open = 0  # the first piece of the line that is not finished

    @property
    def row_count(self) -> int:
        return len(self._row_first)

    @property
    def settled(self) -> int:
        """How many tokens stand in finished lines."""
        return int(self._token.array[self._open]) if self._open < len(self._token) else self.done

    def extend(self, tokens: Run, until: int | None = None) -> None:
        """Lays out what is new in `tokens` up to token `until`; the last line is set again when the text grew."""
        end = len(tokens) if until is None else min(until, len(tokens))
        while self.done < end:
            self._add(tokens, self.done, min(self.done + STRETCH, end))
            self._break(self.done >= len(tokens))

    def cut(self, count: int) -> None:
        """Forgets the line of token `count` - 1, the one before it (a word that got shorter may fit there again) and
        all that follow."""
        count = min(count, self.done)
        keep = max(self.row_of(count - 1) - 1, 0) if count and self.row_count else 0
        while keep and self._begins_within_token(self._row_first[keep]):
            keep -= 1
        first = self._row_first[keep] if keep < self.row_count else self._open
        self.done = int(self._token.array[first]) if first < len(self._token) else self.done
        for column in (self._token, self._piece, self._left):
            column.cut(first)
        self.height = self._row_y[keep] if keep < self.row_count else self.height
        del self._row_first[keep:], self._row_y[keep:]
        del self._boxes[bisect_left(self._boxes, first) :]
        self._open = first

    def row(self, index: int) -> Row:
        first, y = self._row_first[index], self._row_y[index]
        if index + 1 < self.row_count:
            return Row(y, self._row_y[index + 1] - y, first, self._row_first[index + 1])
        return Row(y, self.height - y, first, self._open)

    def row_at(self, y: float) -> int:
        """Index of the line at height y, within the lines there are; -1 without any."""
        return min(max(bisect_right(self._row_y, y) - 1, 0), self.row_count - 1)

    def row_of(self, token: int) -> int:
        """The line where a token begins. It must have been laid out."""
        return max(bisect_right(self._row_first, self.piece_of(token)) - 1, 0)

    def piece_of(self, token: int) -> int:
        """The first piece of a token, or the box that it shares."""
        tokens = self._token.array
        place = int(np.searchsorted(tokens, token, "left"))
        return place if place < len(tokens) and tokens[place] == token else place - 1

    def first_token(self, row: int) -> int:
        return int(self._token.array[self._row_first[row]])

    def piece(self, index: int) -> Piece:
        row = bisect_right(self._row_first, index) - 1
        first = self._row_first[row] if row >= 0 else 0
        return next(self._pieces(first, index, index + 1))

    def pieces_of(self, row: Row) -> Iterator[Piece]:
        """What stands in a line, from left to right."""
        return self._pieces(row.first, row.first, row.end)

    def _pieces(self, row_first: int, first: int, end: int) -> Iterator[Piece]:
        table, origin = self._table, self._left.array[row_first]
        kinds = self._piece.array[first:end]
        tokens = self._token.array[first : end + 1].tolist()
        if len(tokens) == end - first:
            tokens.append(self.done)
        left = (self._left.array[first:end] - origin).tolist()
        widths, boxes = table.width.array[kinds].tolist(), table.box.array[kinds].tolist()
        for at, kind in enumerate(kinds.tolist()):
            count = tokens[at + 1] - tokens[at] if boxes[at] else 1
            yield Piece(tokens[at], count, table.texts[kind], left[at], widths[at], boxes[at])

    def cells(self, piece: Piece, tokens: Sequence[TokenChip]) -> list[tuple[int, float, float]]:
        """Of a box: (token, x, width) of each token's bytes, below the character."""
        widths = [self._table.cell_width(tokens[piece.token + at]) for at in range(piece.count)]
        x = piece.x + (piece.width - sum(widths) - (len(widths) - 1)) / 2
        cells = []
        for at, width in enumerate(widths):
            cells.append((piece.token + at, x, width))
            x += width + 1
        return cells

    def _begins_within_token(self, piece: int) -> bool:
        tokens = self._token.array
        return piece > 0 and bool(tokens[piece] == tokens[piece - 1])

    def _add(self, tokens: Run, first: int, end: int) -> None:
        """The pieces of tokens `first` to `end` - 1, and of those that share a character with the last of them."""
        numbers = tokens.numbers(first, end)
        self._table.cover(tokens.kinds)
        pieces, counts = self._table.first.array[numbers], self._table.count.array[numbers]
        self.done = end
        if not counts.all():
            self._box(tokens, first, pieces, counts)
        places = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        begins = np.cumsum(counts) - counts
        kinds = pieces[places] + (np.arange(len(places), dtype=np.int32) - begins[places])
        self._append(places + first, kinds)

    def _box(self, tokens: Run, first: int, pieces: NDArray[Any], counts: NDArray[Any]) -> None:
        """One box in the place of the tokens that share a character."""
        behind = 0
        for place in np.flatnonzero(counts == 0).tolist():
            if place < behind:
                continue
            size, text = split_character(tokens, first + place)
            pieces[place] = self._table.box_of(box_text(text), tokens[first + place : first + place + size])
            behind = place + size
            counts[place:behind] = 0
            counts[place] = 1
        self.done = max(self.done, first + behind)

    def _append(self, tokens: NDArray[Any], kinds: NDArray[Any]) -> None:
        table, start = self._table, len(self._token)
        steps = table.width.array[kinds] + table.gap.array[kinds]
        begin = 0.0
        if start:
            last = self._piece.array[-1]
            begin = float(self._left.array[-1] + table.width.array[last] + table.gap.array[last])
        self._token.extend(tokens)
        self._piece.extend(kinds)
        self._left.extend(begin + np.cumsum(steps) - steps)
        self._boxes.extend((np.flatnonzero(table.box.array[kinds]) + start).tolist())

    def _break(self, final: bool) -> None:
        """Finishes lines from the open one on; the last one only when the text ends there."""
        table, base = self._table, self._open
        kinds = self._piece.array[base:]
        left = self._left.array[base:]
        right = (left + table.width.array[kinds]).tolist()
        spaced = table.spaced.array[kinds]
        breaks = table.breaks.array[kinds]
        breaks[1:] |= spaced[:-1]
        at = np.arange(len(kinds))
        last_break: list[int] = np.maximum.accumulate(np.where(breaks, at, -1)).tolist()
        ends: list[int] = [*np.flatnonzero(table.ends.array[kinds]).tolist(), len(kinds)]
        lefts, first, total, upcoming = left.tolist(), 0, len(kinds), 0
        while first < total:
            end = max(bisect_right(right, lefts[first] + self.width, first), first + 1)
            while ends[upcoming] < first:
                upcoming += 1
            if ends[upcoming] < end:
                end = ends[upcoming] + 1
            elif end >= total:
                if not final:
                    break
                end = total
            elif last_break[end] > first:
                end = last_break[end]
            self._close(base + first, base + end)
            first = end
        self._open = base + first

    def _close(self, first: int, end: int) -> None:
        box = bisect_left(self._boxes, first)
        boxed = box < len(self._boxes) and self._boxes[box] < end
        self._row_first.append(first)
        self._row_y.append(self.height)
        self.height += self.measures.box_line_height if boxed else self.measures.line_height
