"""The vocabulary as a table: one row a token."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.token_view_words import visible
from engine.tokenizer.browse import SPECIAL, Entry

_HEADER = ("id", "token", "bytes", "script", "in corpus")
ID, TOKEN, BYTES, SCRIPT, COUNT = range(5)
_WIDTHS = {ID: 72, BYTES: 56, SCRIPT: 84, COUNT: 128}
_Index = QModelIndex | QPersistentModelIndex
_PARENT = QModelIndex()
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_ROW = 26
_KEYS: dict[int, Callable[[Entry], Any]] = {
    ID: lambda entry: entry.token_id,
    TOKEN: lambda entry: entry.text.casefold(),
    BYTES: lambda entry: entry.length,
    SCRIPT: lambda entry: entry.script,
    COUNT: lambda entry: -1 if entry.count is None else entry.count,
}


def name_of(entry: Entry) -> str:
    """As it is shown: spaces made visible, control characters by their byte."""
    if entry.script == SPECIAL:
        return entry.text
    control = len(entry.data) == 1 and not entry.text.isprintable() and entry.text not in "\t\n"
    return f"⟨{entry.data.hex().upper()}⟩" if control else visible(entry.text, entry.data)


class TokenModel(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Entry] = []
        self.most = 1
        self._sorted = (ID, False)

    def show(self, rows: Sequence[Entry]) -> None:
        """In the order that a person chose."""
        self.beginResetModel()
        self.rows = list(rows)
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        self._sorted = (column, order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.layoutChanged.emit()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(_HEADER) - 1)

    def _arrange(self) -> None:
        column, falls = self._sorted
        self.rows.sort(key=_KEYS[ID])
        if (column, falls) != (ID, False):
            self.rows.sort(key=_KEYS[column], reverse=falls)

    def cells(self, row: int) -> tuple[str, ...]:
        entry = self.rows[row]
        count = "–" if entry.count is None else f"{entry.count:,}"
        return f"{entry.token_id:,}", name_of(entry), f"{entry.length:,}", entry.script, count

    def rowCount(self, parent: _Index = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _PARENT) -> int:
        return len(_HEADER)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                column, falls = self._sorted
                arrow = f" {'▾' if falls else '▴'}" if section == column else ""
                return f"{_HEADER[section]}{arrow}"
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if section in (ID, BYTES, COUNT) else _LEFT
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cells(index.row())[index.column()]
        if role == Qt.ItemDataRole.FontRole and index.column() == TOKEN:
            return font(13, fixed=True)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() in (ID, BYTES, COUNT) else _LEFT
        return None


class TokenTable(QTableView):
    """picked(Entry): the row at hand changed. Ctrl+C copies the chosen rows with tabs between the cells."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = TokenModel()
        self.setModel(self.tokens)
        self.setAccessibleName("Vocabulary")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegateForColumn(COUNT, _CountBar(self))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(TOKEN, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self.setSortingEnabled(True)
        self.sortByColumn(COUNT, Qt.SortOrder.DescendingOrder)
        header.setSortIndicatorShown(False)  # it would stand on the words, which say it themselves
        self.selectionModel().currentRowChanged.connect(self._tell)

    def pick(self, row: int) -> None:
        """As if a person had clicked it."""
        if 0 <= row < self.tokens.rowCount():
            self.selectRow(row)
            self.setCurrentIndex(self.tokens.index(row, ID))

    def copy(self) -> int:
        """How many rows went to the clipboard: the chosen ones, else all."""
        chosen = sorted({index.row() for index in self.selectionModel().selectedRows()})
        rows = chosen or range(self.tokens.rowCount())
        QGuiApplication.clipboard().setText("\n".join("\t".join(self.tokens.cells(row)) for row in rows))
        return len(rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _tell(self, index: QModelIndex) -> None:
        if 0 <= index.row() < len(self.tokens.rows):
            self.picked.emit(self.tokens.rows[index.row()])


class _CountBar(QStyledItemDelegate):
    """The number, and under it a bar on a logarithmic scale: counts differ by a factor of a million."""

    def __init__(self, table: TokenTable) -> None:
        super().__init__(table)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        super().paint(painter, option, index)
        count = self._table.tokens.rows[index.row()].count
        if not count:
            return
        box = QRectF(option.rect).adjusted(20, 0, -8, 0)
        share = math.log1p(count) / math.log1p(max(self._table.tokens.most, 1))
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        p = colors(self._table)
        wide = max(share * box.width(), 2)
        painter.fillRect(QRectF(box.right() - wide, box.bottom() - 4, wide, 2), QColor(p.text if chosen else p.accent))
