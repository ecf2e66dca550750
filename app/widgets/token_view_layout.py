"""Where every token stands: lines of pieces, broken between words, rebuilt only from the line that changes.

A piece is what is painted at one place: a token, a part of one (a newline inside it, or a token wider than the view)
or a split character, whose several tokens share one box. Lists run in parallel because 20,000 of them are laid out
at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.widgets.token_view_colour import TokenChip

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


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its top and height in pixels, its pieces first to end - 1."""

    y: int
    height: int
    first: int
    end: int


class TokenLayout:
    """rows, and for each piece: token (its first), count (tokens in it), x, width, text, box (a split character)."""

    def __init__(self, measures: Measures, width: float) -> None:
        self.measures = measures
        self.width = max(width, 40.0)
        self.rows: list[Row] = []
        self.token: list[int] = []
        self.count: list[int] = []
        self.x: list[float] = []
        self.piece_width: list[float] = []
        self.text: list[str] = []
        self.box: list[bool] = []
        self.piece_of: list[int] = []
        self._row_first = 0
        self._last_break = 0
        self._cursor = 0.0

    @property
    def height(self) -> int:
        return self.rows[-1].y + self.rows[-1].height if self.rows else 0

    def extend(self, tokens: Sequence[TokenChip]) -> None:
        """Lays out what is new in `tokens` behind what stands; the last line is set again with it."""
        self.cut(len(self.piece_of), tokens)

    def cut(self, count: int, tokens: Sequence[TokenChip]) -> None:
        """Keeps the lines before token `count`, sets those of `tokens` from there on."""
        index = self._rewind(count)
        total = len(tokens)
        while index < total:
            chip = tokens[index]
            if chip.text and "\ufffd" not in chip.text and "\n" not in chip.text:
                self._place_token(index, chip.text.translate(_PICTURES), chip)
                index += 1
            else:
                index = self._place_unusual(index, tokens)
        self._close_row(len(self.token))

    def row_at(self, y: float) -> int:
        """Index of the line at height y, within the lines there are; -1 without any."""
        return min(max(bisect_right(self.rows, y, key=lambda row: row.y) - 1, 0), len(self.rows) - 1)

    def row_of(self, token: int) -> int:
        return bisect_right(self.rows, self.piece_of[token], key=lambda row: row.first) - 1

    def cells(self, piece: int, tokens: Sequence[TokenChip]) -> list[tuple[int, float, float]]:
        """Of a box: (token, x, width) of each token's bytes, below the character."""
        widths = [self._cell_width(tokens[self.token[piece] + at]) for at in range(self.count[piece])]
        x = self.x[piece] + (self.piece_width[piece] - sum(widths) - (len(widths) - 1)) / 2
        cells = []
        for at, width in enumerate(widths):
            cells.append((self.token[piece] + at, x, width))
            x += width + 1
        return cells

    def _rewind(self, count: int) -> int:
        """Drops everything from the line of token `count` - 1 on; the token to go on with."""
        keep = self.row_of(count - 1) if count and self.piece_of and self.rows else 0
        while keep and self._begins_within_token(self.rows[keep].first):
            keep -= 1
        first = self.rows[keep].first if keep < len(self.rows) else len(self.token)
        index = self.token[first] if first < len(self.token) else len(self.piece_of)
        for column in (self.token, self.count, self.x, self.piece_width, self.text, self.box):
            del column[first:]
        del self.piece_of[index:], self.rows[keep:]
        self._row_first = self._last_break = first
        self._cursor = 0.0
        return index

    def _begins_within_token(self, piece: int) -> bool:
        return piece > 0 and self.token[piece] == self.token[piece - 1]

    def _place_token(self, index: int, text: str, chip: TokenChip) -> None:
        """One token, or one line of it."""
        measures = self.measures
        padding, gap = (0, 0) if chip.plain else (2 * measures.padding, measures.gap)
        width = measures.advance(text) + padding
        if width > self.width and len(text) > 1:
            for part in self._parts(text, self.width - padding):
                self._place(index, 1, part, measures.advance(part) + padding, gap, False)
        else:
            self._place(index, 1, text, width, gap, False)

    def _place(self, index: int, count: int, text: str, width: float, gap: int, box: bool) -> None:
        piece = len(self.token)
        if len(self.piece_of) <= index:
            self.piece_of.extend([piece] * count)
        if box or text[:1] == " " or (piece and self.text[piece - 1][-1:] == " "):
            self._last_break = piece
        if self._cursor + width > self.width and piece > self._row_first:
            self._wrap(piece)
        self.token.append(index)
        self.count.append(count)
        self.x.append(self._cursor)
        self.piece_width.append(width)
        self.text.append(text)
        self.box.append(box)
        self._cursor += width + gap

    def _wrap(self, piece: int) -> None:
        """Moves the unfinished word to a new line, or only the piece when the word fills the line."""
        start = self._last_break if self._last_break > self._row_first else piece
        self._close_row(start)
        shift = self.x[start] if start < piece else self._cursor
        for moved in range(start, piece):
            self.x[moved] -= shift
        self._cursor -= shift

    def _close_row(self, end: int) -> None:
        if end <= self._row_first:
            return
        boxed = any(self.box[self._row_first : end])
        height = self.measures.box_line_height if boxed else self.measures.line_height
        self.rows.append(Row(self.height, height, self._row_first, end))
        self._row_first = self._last_break = end

    def _place_unusual(self, index: int, tokens: Sequence[TokenChip]) -> int:
        """A token with a newline, without a text, or the beginning of a split character; the index behind it."""
        chip = tokens[index]
        if "\n" in chip.text and "\ufffd" not in chip.text:
            self._place_lines(index, chip)
            return index + 1
        count, text = split_character(tokens, index)
        if count == 1 and is_whole(chip.data):
            self._place_token(index, (text or chip.text).translate(_PICTURES) or f"#{chip.token_id}", chip)
        else:
            text = text.strip().translate(_PICTURES) or "\ufffd"
            self._place(index, count, text, self._box_width(text, tokens[index : index + count]), 2, True)
        return index + count

    def _place_lines(self, index: int, chip: TokenChip) -> None:
        *lines, last = chip.text.split("\n")
        for line in lines:
            self._place_token(index, line.translate(_PICTURES) + NEWLINE_MARK, chip)
            self._close_row(len(self.token))
            self._cursor = 0.0
        if last:
            self._place_token(index, last.translate(_PICTURES), chip)

    def _parts(self, text: str, room: float) -> Iterator[str]:
        """A text wider than the view, cut where the line ends."""
        start = 0
        while start < len(text):
            size = 1
            while start + size < len(text) and self.measures.advance(text[start : start + size + 1]) <= room:
                size += 1
            yield text[start : start + size]
            start += size

    def _box_width(self, text: str, chips: Sequence[TokenChip]) -> float:
        cells = sum(self._cell_width(chip) for chip in chips) + len(chips) - 1
        return max(cells, self.measures.advance(text)) + 2 * (self.measures.padding + 2)

    def _cell_width(self, chip: TokenChip) -> float:
        return max(len(chip.data), 1) * self.measures.byte + 4


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
