"""JSON lines: one object a line, one document an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from engine.corpus.document import Document, Dropped, Position
from engine.corpus.splitting import split_text

SUFFIXES = (".jsonl",)
LONGEST_LINE_BYTES = 16 * 2**20
LONGEST_DOCUMENT_CHARACTERS = 1_000_000
_BLOCK_BYTES = 2**20


def read(path: Path, label: str, text_field: str) -> Iterator[Document | Dropped | Position]:
    """Streams the texts in `text_field`; a row that has none is dropped and its line named.

    A text of more than a million characters becomes several documents; a line of more than 16 MB is dropped
    without being held in memory. Raises OSError.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            source = f"{label}, line {number}"
            if len(line) > LONGEST_LINE_BYTES:
                yield Dropped(source, f"The line is longer than {LONGEST_LINE_BYTES // 2**20} MB. Break it into rows.")
                yield from _skip_line(stream, line, size)
            elif line.strip():
                yield from _documents(line.removeprefix(b"\xef\xbb\xbf"), source, text_field)
            yield Position(min(stream.tell(), size), size)


def _skip_line(stream: IO[bytes], line: bytes, size: int) -> Iterator[Position]:
    while line and not line.endswith(b"\n"):
        line = stream.readline(_BLOCK_BYTES)
        yield Position(min(stream.tell(), size), size)


def _documents(line: bytes, source: str, text_field: str) -> Iterator[Document | Dropped]:
    try:
        text = _text(json.loads(line.decode()), text_field)
        text.encode()
    except UnicodeDecodeError as error:
        yield Dropped(source, f"Byte {error.start + 1:,} of the line is not UTF-8. Save the file as UTF-8.")
    except UnicodeEncodeError:
        yield Dropped(source, "The text holds half a character (a lone surrogate).")
    except json.JSONDecodeError as error:
        words = error.msg[:1].lower() + error.msg[1:]
        yield Dropped(source, f"This is not JSON: {words} at character {error.pos + 1:,}.")
    except RecursionError:
        yield Dropped(source, "The JSON is nested too deeply.")
    except ValueError as error:
        yield Dropped(source, str(error))
    else:
        pieces = split_text([text], LONGEST_DOCUMENT_CHARACTERS, LONGEST_DOCUMENT_CHARACTERS)
        yield from (Document(piece, source) for piece in pieces)


def _text(row: Any, field: str) -> str:
    """The text of a row. Raises ValueError with the reason when it has none."""
    if not isinstance(row, dict):
        raise ValueError(f"The row is {_kind(row)}, not an object with a text in it.")
    if field not in row:
        names = ", ".join(f'"{name}"' for name in list(row)[:8]) or "no field at all"
        raise ValueError(f'The row lacks the field "{field}"; it has {names}.')
    text = row[field]
    if not isinstance(text, str):
        raise ValueError(f'The field "{field}" holds {_kind(text)}, not a text.')
    if not text.strip():
        raise ValueError(f'The field "{field}" is empty.')
    return text


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing (null)"}
    return kinds.get(type(value), "a number")
