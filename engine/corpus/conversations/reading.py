"""Reads conversations from files of any format that is known: which one it is, is found out and said, never guessed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.checking import problem_of
from engine.corpus.conversations.formats._rows import Columns, Recognised, fields_of, kind_of, listed
from engine.corpus.conversations.lines import check_file
from engine.corpus.conversations.rejected import Rejected
from engine.corpus.conversations.rows import Row, read_rows
from engine.corpus.document import Position
from engine.errors import CutawayError
from engine.registry import Registry

FORMATS = Registry("engine.corpus.conversations.formats", requires=("TITLE", "recognise"))
_HEAD_ROWS, _HEAD_BYTES = 50, 4 * 2**20
_PREVIEW = 3
_REASONS_TOLD = 20


@dataclass(frozen=True)
class Detected:
    """What a file is. format: a name in FORMATS. reason: why, as a sentence. preview: its first conversations."""

    format: str
    reason: str
    preview: tuple[Conversation, ...]
    file: str = ""


def detect(path: Path, format: str = "auto", columns: Columns | None = None) -> Detected:
    """Looks at the first rows. format: "auto" or a name in FORMATS. columns: of question and answer, or of text and
    label, when they are chosen by hand.

    Raises CutawayError when the file is of no known format, or could be of several, and says what was seen.
    """
    path = _checked(path)
    return _detect(path, path.name, format, columns)[0]


def read_conversations(
    paths: Sequence[Path], format: str = "auto", columns: Columns | None = None
) -> Iterator[Conversation | Rejected]:
    """The sound conversations of the files in order, streamed, and what was rejected with its reason.

    Every row is one or the other. Raises CutawayError as `detect` does, and for a file in which no row is sound.
    """
    for item in read_items(paths, format, columns):
        if isinstance(item, (Conversation, Rejected)):
            yield item


def read_items(
    paths: Sequence[Path], format: str = "auto", columns: Columns | None = None
) -> Iterator[Conversation | Rejected | Detected | Position]:
    """The same with a Detected before each file, and Positions in bytes of all files together."""
    files = [_checked(path) for path in paths]
    if not files:
        raise CutawayError("No conversations were chosen.", "The list of files is empty.", "Name one or more files.")
    names = [file.name for file in files]
    total = sum(file.stat().st_size for file in files)
    before = 0
    for file in files:
        label = file.name if names.count(file.name) == 1 else str(file)
        detected, recognised = _detect(file, _plain(label), format, columns)
        yield detected
        for item in _read_file(file, _plain(label), recognised):
            yield Position(before + item.done, total) if isinstance(item, Position) else item
        before += file.stat().st_size
        yield Position(before, total)


def _checked(path: Path) -> Path:
    path = Path(os.path.expanduser(path))
    check_file(path)
    return path


def _plain(label: str) -> str:
    return label.encode(errors="replace").decode()  # a file name may hold bytes that no text can


def _read_file(path: Path, label: str, recognised: Recognised) -> Iterator[Conversation | Rejected | Position]:
    kept = 0
    reasons: list[str] = []
    for found in _rows(path, label):
        item = _converted(found, recognised) if isinstance(found, Row) else found
        if isinstance(item, Conversation):
            kept += 1
        elif isinstance(item, Rejected) and len(reasons) < _REASONS_TOLD:
            reasons.append(f"{item.source}: {item.reason}")
        yield item
    if not kept:
        raise _nothing(label, reasons)


def _rows(path: Path, label: str) -> Iterator[Row | Rejected | Position]:
    try:
        yield from read_rows(path, label)
    except OSError as error:
        raise CutawayError(
            f"{label} could not be read.", f"{error.strerror or error}.", "Check the file and the disk."
        ) from error


def _converted(row: Row, recognised: Recognised) -> Conversation | Rejected:
    try:
        conversation = replace(recognised.convert(row.value), source=row.source)
    except ValueError as error:
        return Rejected(row.source, str(error), row.text)
    problem = problem_of(conversation)
    return Rejected(row.source, problem, row.text) if problem else conversation


def _detect(path: Path, label: str, format: str, columns: Columns | None) -> tuple[Detected, Recognised]:
    names = FORMATS.names() if format == "auto" else [format]
    rows, rejected = _head(path, label)
    values = [row.value for row in rows]
    if not rows:
        raise _nothing(label, [f"{item.source}: {item.reason}" for item in rejected])
    found = [(name, item) for name in names for item in FORMATS.load(name).recognise(values, columns)]
    if not found and format != "auto":
        found = _mostly_wrong(format, columns, values)
    if not found:
        raise _unknown(label, format, columns, values)
    if len(found) > 1:
        raise _ambiguous(label, found)
    [(name, recognised)] = found
    judged = (_converted(row, recognised) for row in rows)
    preview = [item for item in judged if isinstance(item, Conversation)]
    return Detected(name, recognised.reason, tuple(preview[:_PREVIEW]), label), recognised


def _mostly_wrong(format: str, columns: Columns | None, values: Sequence[Any]) -> list[tuple[str, Recognised]]:
    """A format that somebody named holds even if most rows are of another form: each of those is told."""
    each = [FORMATS.load(format).recognise([value], columns) for value in values]
    clear = [found[0] for found in each if len(found) == 1]
    reason = f"You named this format; {len(clear)} of {len(values)} rows are in it."
    return [(format, Recognised(reason, clear[0].convert))] if clear else []


def _head(path: Path, label: str) -> tuple[list[Row], list[Rejected]]:
    rows: list[Row] = []
    rejected: list[Rejected] = []
    for item in _rows(path, label):
        if isinstance(item, Row):
            rows.append(item)
        elif isinstance(item, Rejected):
            rejected.append(item)
        elif rows and item.done > _HEAD_BYTES:
            break
        if len(rows) == _HEAD_ROWS or len(rejected) > _HEAD_ROWS:
            break
    return rows, rejected


def _unknown(label: str, format: str, columns: Columns | None, values: Sequence[Any]) -> CutawayError:
    fields = fields_of(values)
    if fields:
        seen = f"Its rows have the fields {listed(fields)}."
    elif isinstance(values[0], str):
        seen = "It holds lines of text, and no line begins with __label__."
    else:
        seen = f"Its first row is {kind_of(values[0])}."
    if columns and fields:
        missing = [name for name in columns if name not in fields]
        if missing:
            remedy = f"Name columns that it has; {listed(missing)} is not there."
            return CutawayError(f"{label} cannot be read with these columns.", seen, remedy)
    what = f"The format of {label} is not known." if format == "auto" else f'{label} is not in the format "{format}".'
    remedy = (
        "Name the columns of the question and the answer (or of the text and the label) and the format, "
        'or write each row as {"messages": [{"role": "user", "content": ...}, ...]}.'
    )
    return CutawayError(what, seen, remedy)


def _ambiguous(label: str, found: Sequence[tuple[str, Recognised]]) -> CutawayError:
    seen = " ".join(f"{name}: {recognised.reason}" for name, recognised in found)
    formats = sorted({name for name, _ in found})
    several = f"the format ({' or '.join(formats)})" if len(formats) > 1 else ""
    remedy = f"Name {several}{' and ' if several else ''}the two columns that are meant."
    return CutawayError(f"{label} could be read in more than one way.", seen, remedy)


def _nothing(label: str, reasons: Sequence[str]) -> CutawayError:
    return CutawayError(
        f"No conversation could be read from {label}.",
        reasons[0] if reasons else "There is no row in it.",
        "Look at that row: it must be mended, or the file must be read in another format.",
        "\n".join(reasons),
    )
