"""Rows that were not taken: where each stands, why, and how it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from app.pages.finetune.data_words import shortened
from app.theme.type import font

_HEADER = ("Where", "Why", "How the row begins")
_WHY_SHARE, _LEAST, _PAD = 0.6, 90, 26
_SOURCE, _LOOKED_AT = 34, 500
_PARENT = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class Rejected(Protocol):
    """source: "file:line". reason: a sentence. text: the row's beginning."""

    @property
    def source(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def text(self) -> str: ...


class RejectedModel(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Rejected] = ()

    def show(self, rows: Sequence[Rejected]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def cells(self, row: int) -> tuple[str, str, str]:
        found = self.rows[row]
        return found.source, found.reason, " ".join(found.text.split())

    def rowCount(self, parent: _Index = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _PARENT) -> int:
        return len(_HEADER)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        shown = role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal
        return _HEADER[section] if shown else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            shown = self.cells(index.row())[index.column()]
            short = role == Qt.ItemDataRole.DisplayRole and index.column() == 0
            return shortened(shown, _SOURCE) if short else shown
        if role == Qt.ItemDataRole.FontRole and index.column() != 1:
            return font(11, fixed=True)
        return None


class RejectedTable(QTableView):
    """Ctrl+C copies the chosen rows, all of them when none is chosen, with tabs between the cells."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = RejectedModel()
        self.setModel(self.rows)
        self.setAccessibleName("Rejected rows")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(32)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setHighlightSections(False)

    def text(self) -> str:
        chosen = sorted({index.row() for index in self.selectionModel().selectedRows()})
        rows = chosen or range(self.rows.rowCount())
        return "\n".join("\t".join(self.rows.cells(row)) for row in rows)

    def copy(self) -> int:
        """How many rows went to the clipboard."""
        text = self.text()
        QGuiApplication.clipboard().setText(text)
        return len(text.splitlines())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """As much room as the sources take, and the rest for why and for the text."""
        room = self.viewport().width()
        longest = max((shortened(row.source, _SOURCE) for row in self.rows.rows[:_LOOKED_AT]), key=len, default="")
        wide = QFontMetrics(font(11, fixed=True)).horizontalAdvance(longest) + _PAD
        first = min(max(wide, _LEAST), room // 3)
        second = round((room - first) * _WHY_SHARE)
        for column, width in enumerate((first, second, room - first - second)):
            self.setColumnWidth(column, width)
