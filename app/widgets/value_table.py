"""A table of values that a person may read, point at and copy: name, value, and where it comes from."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from app.theme.palette import colors
from app.theme.type import font


class ValueTable(QTableWidget):
    """Name, value, origin ("yours" in accent). Ctrl+C copies the chosen rows, or all. left(): so did the pointer."""

    left = Signal()

    def __init__(self, name: str) -> None:
        super().__init__(0, 3)
        self.setShowGrid(False)
        self.setStyleSheet("QTableView::item { padding: 0 4px; }")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)

    def fill(self, rows: list[tuple[str, str, str]]) -> None:
        """Changes only the cells that read otherwise now."""
        self.setRowCount(len(rows))
        changed = False
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = self.item(row, column)
                if item is None:
                    self.setItem(row, column, _cell_item(column, text))
                elif item.text() != text:
                    item.setText(text)
                else:
                    continue
                changed = changed or column != 1
        if changed:
            self._colour()

    def _colour(self) -> None:
        p = colors(self)
        for row in range(self.rowCount()):
            name, origin = self.item(row, 0), self.item(row, 2)
            if name is not None and origin is not None:
                name.setForeground(QColor(p.muted))
                origin.setForeground(QColor(p.accent if origin.text() == "yours" else p.muted))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colour()

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
            return
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(self.rowCount())
        lines = ("\t".join(self._cell(row, column) for column in range(3)) for row in chosen)
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _cell(self, row: int, column: int) -> str:
        item = self.item(row, column)
        return item.text() if item is not None else ""


def _cell_item(column: int, text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setFont(font(11, fixed=column == 0) if column != 1 else font(13))
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item
