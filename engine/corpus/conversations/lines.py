"""The lines of a file as text, never more than one of them in memory, each that is no text told by its number."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from engine.corpus.conversations.rejected import Rejected, shown
from engine.corpus.document import Position
from engine.errors import CutawayError

LONGEST_LINE_BYTES = 16 * 2**20
_HEAD_BYTES = 8192
_BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Line:
    """number: from 1. text: with its end of line, if it has one. damaged: why it cannot be taken as it is, and then
    text holds "�" in place of what is no text, or nothing."""

    number: int
    text: str
    damaged: str = ""

    def rejected(self, label: str) -> Rejected:
        return Rejected(f"{label}:{self.number}", self.damaged, shown(self.text.strip()))


def check_file(path: Path) -> None:
    """Raises CutawayError for what is no file of UTF-8 text at all, judged by its kind and its first bytes."""
    if not os.path.exists(path):
        raise CutawayError(f"{path} does not exist.", "There is no file of that name.", "Check the path.")
    if path.is_dir():
        raise CutawayError(f"{path} is a folder.", "Conversations are read from files.", "Name the files in it.")
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device could keep a reader waiting for ever
        raise CutawayError(f"{path} cannot be read.", "It is no ordinary file.", "Choose another file.")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        why = f"{error.strerror or error}."
        raise CutawayError(f"{path} could not be opened.", why, "Check that you may read it.") from error
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise CutawayError(f"{path.name} is empty.", "There is no row in it.", "Choose another file.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CutawayError(f"{path.name} cannot be read.", "It is UTF-16 text.", "Save it as UTF-8.")
    if b"\0" in head:
        raise CutawayError(
            f"{path.name} cannot be read.", "It holds NUL bytes: it is binary data, not text.", "Choose a text file."
        )


def read_lines(path: Path) -> Iterator[Line | Position]:
    """A byte order mark is taken off. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        number = 0
        while data := stream.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            if len(data) > LONGEST_LINE_BYTES:
                megabytes = LONGEST_LINE_BYTES // 2**20
                begin = data[:_HEAD_BYTES].decode(errors="replace")
                yield Line(number, begin, f"The line is longer than {megabytes} MB. Break it into rows.")
                yield from _skip_line(stream, data, size)
            else:
                yield _decoded(data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data, number)
            yield Position(min(stream.tell(), size), size)


def _skip_line(stream: IO[bytes], data: bytes, size: int) -> Iterator[Position]:
    while data and not data.endswith(b"\n"):
        data = stream.readline(_BLOCK_BYTES)
        yield Position(min(stream.tell(), size), size)


def _decoded(data: bytes, number: int) -> Line:
    try:
        return Line(number, data.decode())
    except UnicodeDecodeError as error:
        reason = f"Byte {error.start + 1:,} of the line is not UTF-8. Save the file as UTF-8."
        return Line(number, data.decode(errors="replace"), reason)
