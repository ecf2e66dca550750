"""The table of runs as Qt wants it: a cell is a text, a sort key and the summary behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.jobs.run_summary import RunSummary, began_words, size_words

SUMMARY = Qt.ItemDataRole.UserRole
SORT_KEY = Qt.ItemDataRole.UserRole + 1

_Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    NAME = 0
    BEGAN = 1
    RESULT = 2
    LOSS = 3
    SIZE = 4
    ENDED = 5


_TITLES = {
    Column.NAME: ("Name", "The recipe that ran"),
    Column.BEGAN: ("Began", "When it was started for the first time"),
    Column.RESULT: (
        "Result",
        "Loss in nats per token: on held-out text once a run has ended, in training while it works. Of a fine-tuning, "
        "the share of held-out questions that it answers word for word",
    ),
    Column.LOSS: ("Loss", "How the training loss fell, on a log scale; a cross where it stopped being a number"),
    Column.SIZE: ("Size", "What the run's folder takes on the disk"),
    Column.ENDED: ("State", "How it ended, or where it is"),
}
_RIGHT = (Column.RESULT, Column.SIZE)


class RunsModel(QAbstractTableModel):
    """SUMMARY gives the RunSummary of a row, SORT_KEY what a column is sorted by."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunSummary] = []

    def show(self, summaries: Sequence[RunSummary]) -> None:
        """Rows that stay the same runs keep their place, so that a selection survives a new look at the disk."""
        if [row.folder for row in summaries] != [row.folder for row in self._rows]:
            self.beginResetModel()
            self._rows = list(summaries)
            self.endResetModel()
            return
        for place, (old, new) in enumerate(zip(self._rows, summaries, strict=True)):
            if old != new:
                self._rows[place] = new
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(Column) - 1))

    def row_of(self, folder: Path) -> int:
        """-1 when no row shows this run."""
        return next((place for place, row in enumerate(self._rows) if row.folder == folder), -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 Qt's own signature
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        title, words = _TITLES[Column(section)]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            return words
        return _alignment(Column(section)) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], Column(index.column())
        if role == SUMMARY:
            return row
        if role == SORT_KEY:
            return _sort_key(row, column)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(row, column)
        return _alignment(column) if role == Qt.ItemDataRole.TextAlignmentRole else None


def result_text(row: RunSummary) -> str:
    """A fine-tuning is told by what it answers, as long as its loss is a number."""
    if row.exact is not None and (row.result is None or math.isfinite(row.result)):
        return f"{row.exact:.0%}"
    return loss_text(row)


def origin_text(row: RunSummary) -> str:
    """ "from first-words, step 600", "" for what began with nothing."""
    return f"from {row.planned.base}" if row.planned.base else ""


def loss_text(row: RunSummary) -> str:
    if row.result is None:
        return ""
    return f"{row.result:.2f}" if math.isfinite(row.result) else "NaN"


def as_text(rows: Sequence[RunSummary]) -> str:
    """A table with tabs, for a spreadsheet or a letter; the loss curve is left out."""
    columns = [column for column in Column if column is not Column.LOSS]
    lines = [[_TITLES[column][0] for column in columns]]
    for row in rows:
        cells = [row.began.strftime("%Y-%m-%d %H:%M") if c is Column.BEGAN else _text(row, c) for c in columns]
        lines.append(cells)
    return "\n".join("\t".join(line) for line in lines)


def _text(row: RunSummary, column: Column) -> str:
    match column:
        case Column.NAME:
            return row.name
        case Column.BEGAN:
            return began_words(row.began, datetime.now().astimezone())
        case Column.RESULT:
            return result_text(row)
        case Column.SIZE:
            return size_words(row.bytes) if row.bytes else ""
        case Column.ENDED:
            return f"{row.state.value}, {row.ended_words}" if row.is_live and row.state else row.ended_words
        case _:
            return ""


def _tooltip(row: RunSummary, column: Column) -> str:
    match column:
        case Column.NAME:
            told = [row.description, origin_text(row), row.planned.method_words]
            return "\n".join(part for part in told if part)
        case Column.BEGAN:
            return f"{row.began:%A} {row.began.day} {row.began:%B %Y, %H:%M:%S}"
        case Column.RESULT:
            told = row.result_words.capitalize()
            return f"{told}: {loss_text(row)}" if row.exact is not None else told
        case Column.ENDED:
            return row.ended_words
        case _:
            return ""


def _sort_key(row: RunSummary, column: Column) -> float | str:
    match column:
        case Column.NAME:
            return row.name.lower()
        case Column.BEGAN:
            return row.began.timestamp()
        case Column.SIZE:
            return float(row.bytes)
        case Column.ENDED:
            return (row.state.value if row.state else "") + row.ended_words
        case _:
            return row.result if row.result is not None and math.isfinite(row.result) else math.inf


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
