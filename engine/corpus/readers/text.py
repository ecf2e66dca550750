"""Plain text and Markdown: one file becomes documents of about 2,000 characters."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from engine.corpus.document import Document, Dropped, Position
from engine.corpus.splitting import split_text

SUFFIXES = (".txt", ".md")
_BLOCK_CHARACTERS = 2**16


def read(path: Path, label: str, text_field: str) -> Iterator[Document | Dropped | Position]:  # noqa: ARG001
    """Streams a file of UTF-8 text; line ends become "\\n" and a byte order mark is taken off.

    A piece that holds a byte that is no UTF-8, or a NUL character, is dropped and its line named; the rest is kept.
    Joined, the documents give the text back. label: the file's name in `source`. Raises OSError.
    """
    size = path.stat().st_size
    line = 1
    # surrogateescape carries bytes that are no UTF-8 through as lone surrogates, so that each can be named.
    with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", "surrogateescape") as stream:
        for piece in split_text(_blocks(stream)):
            yield _judged(piece, f"{label}, line {line}", line)
            yield Position(min(raw.tell(), size), size)
            line += piece.count("\n")


def _blocks(stream: TextIO) -> Iterator[str]:
    while block := stream.read(_BLOCK_CHARACTERS):
        yield block


def _judged(piece: str, source: str, line: int) -> Document | Dropped:
    try:
        piece.encode()
    except UnicodeEncodeError as error:
        byte = ord(piece[error.start]) - 0xDC00
        where = _place(piece, error.start, line)
        return Dropped(source, f"{where} stands a byte (0x{byte:02X}) that is not UTF-8. Save the file as UTF-8.")
    if "\0" in piece:
        return Dropped(source, f"{_place(piece, piece.index(chr(0)), line)} stands a NUL character: this is no text.")
    if not piece.strip():
        return Dropped(source, "There is nothing but blank space.")
    return Document(piece, source)


def _place(piece: str, index: int, line: int) -> str:
    before = piece[:index]
    return f"In line {line + before.count(chr(10)):,}, character {index - before.rfind(chr(10)):,}"
