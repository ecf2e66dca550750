"""Reads JSON: one value of a line, or a file that is one long list, an item at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from engine.corpus.conversations.rejected import Rejected, shown
from engine.corpus.document import Position

LONGEST_ITEM_CHARACTERS = 16 * 2**20
_BLOCK_BYTES = 2**16
_BLANK = re.compile(r"[ \t\r\n]*")


def parsed(text: str) -> Any:
    """Raises ValueError with the reason in words."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(_words(error)) from error
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON.")


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise ValueError("A number in it has too many digits.") from error


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer)


def _words(error: json.JSONDecodeError) -> str:
    return f"This is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1:,}."


def read_json_list(path: Path, label: str) -> Iterator[tuple[int, Any, str] | Rejected | Position]:
    """(line at which it begins, item, its beginning) of a file that begins with "[".

    Memory holds one item and what was read beyond it. Where the file is no JSON any more, the rest is one Rejected:
    nothing tells where the next item would begin. Raises OSError.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        window = _Window(stream)
        try:
            window.take("[")
            first = True
            while not window.at("]"):
                if not first:
                    window.take(",")
                first = False
                line, value, text = window.item()
                yield line, value, text
                yield Position(min(stream.tell(), size), size)
            window.take("]")
            window.check_end()
        except ValueError as error:
            yield Rejected(f"{label}:{window.line}", f"{error} Nothing after it is read.", shown(window.rest()))


class _Window:
    """What was read of a file and not yet taken. line: the one in which that begins."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.line = 1
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._place = 0
        self._ended = False

    def at(self, character: str) -> bool:
        """Whether this comes next, after blank space. Raises ValueError for what is no UTF-8."""
        self._move(_end(_BLANK.match(self._text, self._place), self._place))
        while self._place == len(self._text) and not self._ended:
            self._more()
            self._move(_end(_BLANK.match(self._text, self._place), self._place))
        return self._text.startswith(character, self._place)

    def take(self, character: str) -> None:
        if not self.at(character):
            if self._place == len(self._text):
                raise ValueError("The file ends before the list does.")
            raise ValueError(f'A "{character}" is missing here.')
        self._move(self._place + 1)

    def item(self) -> tuple[int, Any, str]:
        """Its line, the item and its beginning. Raises ValueError where there is none."""
        self.at("")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except RecursionError as error:
                raise ValueError("The JSON is nested too deeply.") from error
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError("This is not JSON.") from error
                if len(self._text) - self._place > LONGEST_ITEM_CHARACTERS:
                    megabytes = LONGEST_ITEM_CHARACTERS // 2**20
                    raise ValueError(f"This is not JSON, or one item of more than {megabytes} MB.") from error
            else:
                if end < len(self._text) or self._ended:  # else "12" may be the beginning of "123"
                    line, text = self.line, shown(self._text[self._place : end])
                    self._move(end)
                    return line, value, text
            self._more()

    def check_end(self) -> None:
        self.at("")
        if self._place < len(self._text):
            raise ValueError("Something stands behind the end of the list.")

    def rest(self) -> str:
        return self._text[self._place : self._place + 1_000]

    def _more(self) -> None:
        """As much again as is there, so that a long item is not begun anew too often."""
        self._text = self._text[self._place :]
        self._place = 0
        data = self._stream.read(max(_BLOCK_BYTES, len(self._text)))
        self._ended = not data
        try:
            self._text += self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            raise ValueError("From here on a byte is not UTF-8. Save the file as UTF-8.") from error

    def _move(self, end: int) -> None:
        self.line += self._text.count("\n", self._place, end)
        self._place = end


def _end(match: re.Match[str] | None, otherwise: int) -> int:
    return match.end() if match else otherwise
