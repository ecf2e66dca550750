"""The table: sorts, filters, chooses one run or many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QRectF, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from app.item_models.runs import SORT_KEY, SUMMARY, Column, RunsModel
from app.jobs.run_summary import RunSummary
from app.pages.runs.delegate import ROW_HEIGHT, RunDelegate
from app.theme.palette import colors
from app.widgets.buttons import paint_focus

_FIXED = {Column.BEGAN: 132, Column.RESULT: 72, Column.LOSS: 116, Column.SIZE: 84}
_TIGHT = {Column.BEGAN: 124, Column.RESULT: 64, Column.LOSS: 78, Column.SIZE: 72}
_TIGHT_WIDTH = 800
_NAME_SHARE = 0.32
_HEADER_HEIGHT = 28


class RunTable(QTableView):
    """chosen(): other rows are selected. opened(RunSummary), resumed(RunSummary): a row was asked for that."""

    chosen = Signal()
    opened = Signal(object)
    resumed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = RunsModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_KEY)
        self._sorted.setFilterKeyColumn(-1)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._delegate = RunDelegate(self)
        self._delegate.resume.connect(self.resumed)
        self.setModel(self._sorted)
        self.setItemDelegate(self._delegate)
        self._set_manners()
        self.doubleClicked.connect(lambda index: self.opened.emit(index.data(SUMMARY)))
        self.selectionModel().selectionChanged.connect(lambda: self.chosen.emit())

    def _set_manners(self) -> None:
        self.setAccessibleName("Runs")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.BEGAN, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setFixedHeight(_HEADER_HEIGHT)
        header.setHighlightSections(False)
        header.setSectionsClickable(True)

    def show_runs(self, summaries: Sequence[RunSummary]) -> None:
        """The chosen rows stay chosen as far as they are still there; otherwise the first one is."""
        folders = [run.folder for run in self.chosen_runs()]
        self._model.show(summaries)
        if [run.folder for run in self.chosen_runs()] != folders or not folders:
            self.choose(folders)

    def filter(self, text: str) -> None:
        self._sorted.setFilterFixedString(text)
        if not self.chosen_runs():
            self.choose([])

    def shown_count(self) -> int:
        return self._sorted.rowCount()

    def chosen_runs(self) -> list[RunSummary]:
        """In the order of the table; the one at the keyboard's place first."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        current = self.currentIndex().row()
        return [index.data(SUMMARY) for index in sorted(rows, key=lambda index: index.row() != current)]

    def choose(self, folders: Sequence[Path]) -> None:
        """Selects these runs; the first row when none of them is there."""
        rows = [self._sorted.mapFromSource(self._model.index(self._model.row_of(folder), 0)) for folder in folders]
        there = [index for index in rows if index.isValid()] or [self._sorted.index(0, 0)]
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().clearSelection()
        for index in there:
            self.selectionModel().select(index, flags.Select | flags.Rows)
        self.selectionModel().setCurrentIndex(there[0], flags.NoUpdate)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fixed = _FIXED if self.width() >= _TIGHT_WIDTH else _TIGHT
        free = self.viewport().width() - sum(fixed.values())
        widths = {**fixed, Column.NAME: int(free * _NAME_SHARE)}
        widths[Column.ENDED] = free - widths[Column.NAME]
        for column, width in widths.items():
            self.setColumnWidth(column, max(width, 40))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.indexAt(event.position().toPoint()))
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(QModelIndex())
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        index = self.currentIndex()
        if self.hasFocus() and index.isValid() and not self.selectionModel().isRowSelected(index.row()):
            # Ctrl and an arrow move the keyboard's place away from the selection: then it must be seen.
            top, height = self.rowViewportPosition(index.row()), self.rowHeight(index.row())
            painter = QPainter(self.viewport())
            paint_focus(painter, QRectF(0, top, self.viewport().width(), height), colors(self).accent, 4)

    def _hover(self, index: QModelIndex) -> None:
        if self._delegate.hovered_row != index.row():
            self._delegate.hovered_row = index.row()
            self.viewport().update()
