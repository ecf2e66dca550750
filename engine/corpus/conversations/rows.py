"""Rows of a file, whatever kind of file it is: JSON lines, a JSON list, a table, or lines of text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.corpus.conversations.json_list import parsed, read_json_list
from engine.corpus.conversations.lines import Line, read_lines
from engine.corpus.conversations.rejected import Rejected, shown
from engine.corpus.document import Position
from engine.errors import CutawayError

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".txt")
_TABLES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Row:
    """source: "file:line". value: of a table {column: text}, of a line of text a str, else what the JSON says.
    text: the beginning of what stands there."""

    source: str
    value: Any
    text: str


def read_rows(path: Path, label: str) -> Iterator[Row | Rejected | Position]:
    """Streams the rows; blank lines are none. A row that cannot be read is Rejected. Raises CutawayError for a kind of
    file that is not read, and for a table without names in its first line; OSError."""
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        yield from _read_table(path, label, tabs=suffix == ".tsv")
    elif suffix == ".json" and _begins_a_list(path):
        for item in read_json_list(path, label):
            yield item if not isinstance(item, tuple) else Row(f"{label}:{item[0]}", item[1], item[2])
    elif suffix in SUFFIXES:
        yield from _read_each_line(path, label, as_json=suffix != ".txt")
    else:
        raise CutawayError(
            f"{path.name} is not read.",
            f'Its name ends in "{suffix}".' if suffix else "Its name has no ending that tells what it holds.",
            f"Choose a file whose name ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        )


def _begins_a_list(path: Path) -> bool:
    """Many a file of JSON lines is called .json."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _read_each_line(path: Path, label: str, *, as_json: bool) -> Iterator[Row | Rejected | Position]:
    for line in read_lines(path):
        if isinstance(line, Position):
            yield line
        elif line.damaged:
            yield line.rejected(label)
        elif text := line.text.strip():
            source = f"{label}:{line.number}"
            try:
                yield Row(source, parsed(text) if as_json else text, shown(text))
            except ValueError as error:
                yield Rejected(source, str(error), shown(text))


class _Feed:
    """Hands lines to the csv module, which wants plain text, and remembers which of them were damaged."""

    def __init__(self, path: Path) -> None:
        self._lines = read_lines(path)
        self.damaged: Line | None = None
        self.position = Position(0, 0)

    def __iter__(self) -> Iterator[str]:
        for item in self._lines:
            if isinstance(item, Position):
                self.position = item
                continue
            if item.damaged:
                self.damaged = self.damaged or item
            # The beginning of a line that is too long could open a quote that swallows what follows.
            yield item.text if item.text.endswith("\n") or not item.damaged else "\n"


def _read_table(path: Path, label: str, *, tabs: bool) -> Iterator[Row | Rejected | Position]:
    """Between tabs a quote is an ordinary character, unless a whole cell stands in quotes."""
    feed = _Feed(path)
    if tabs:
        rows = csv.reader(iter(feed), delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(iter(feed), strict=True)
    names: list[str] = []
    line = 1
    while True:
        broken = ""
        try:
            cells = [_unquoted(cell) for cell in next(rows)] if tabs else next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            cells, broken = [], _words(error)
        source, line = f"{label}:{line}", rows.line_num + 1
        damaged, feed.damaged = feed.damaged, None
        yield feed.position
        if not (names or cells or broken or damaged):
            continue  # blank lines before the names
        if not names:
            names = _names(cells, damaged.damaged if damaged else broken, label)
        elif damaged:
            yield damaged.rejected(label)
        elif broken:
            yield Rejected(source, broken)
        elif cells:
            yield _table_row(source, names, cells)


def _unquoted(cell: str) -> str:
    whole = len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
    return cell[1:-1].replace('""', '"') if whole else cell


def _words(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"A cell is longer than {csv.field_size_limit():,} characters, or its quote does not close."
    return f"The row cannot be taken apart: {error}."


def _table_row(source: str, names: list[str], cells: list[str]) -> Row | Rejected:
    text = shown(" | ".join(cells))
    if len(cells) == len(names):
        return Row(source, dict(zip(names, cells, strict=True)), text)
    columns = f"{len(cells)} column{'' if len(cells) == 1 else 's'}"
    return Rejected(source, f"The row has {columns}, but the first line names {len(names)}.", text)


def _names(cells: list[str], broken: str, label: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if broken or not any(names) or twice is not None:
        why = broken or (f'The column "{twice}" stands in it twice.' if any(names) else "It names no column.")
        raise CutawayError(
            f"The first line of {label} cannot be used.", why, "Let it name the columns, such as question,answer."
        )
    return names
