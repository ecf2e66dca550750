"""The page: the table of all runs, the chosen one at length, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedLayout, QWidget

from app.item_models.runs import as_text
from app.jobs.desk import Desk
from app.jobs.run_summary import RunSummary, size_words
from app.pages._page import PageWidget
from app.pages.runs.detail import RunDetail
from app.pages.runs.export_dialog import ExportDialog
from app.pages.runs.table import RunTable
from app.pages.runs.trash import Trash
from app.theme.type import M
from app.widgets.buttons import Button, ToolButton
from app.widgets.cost_words import first_words_time
from app.widgets.empty_state import EmptyState
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine.errors import CutawayError

_NARROW = 960
_CHILDREN = Qt.FindChildOption.FindDirectChildrenOnly
_HERE = Qt.ShortcutContext.WidgetShortcut


class RunsPage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.trash = Trash(desk)
        self.table = RunTable()
        self.detail = RunDetail()
        self._count = Label(role="muted")
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("Filter")
        self._filter.setAccessibleName("Filter the runs")
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(160)
        self._wanted: Path | None = None
        self._build()
        self._build_actions()
        self._filter.textChanged.connect(self.table.filter)
        self._filter.textChanged.connect(self._show_count)
        self.table.chosen.connect(self._show_chosen)
        self.table.opened.connect(self.open_run)
        self.table.resumed.connect(self.resume)
        desk.runs.changed.connect(self._show_runs)
        desk.jobs.changed.connect(self._show_chosen)
        self._show_runs()

    def _build(self) -> None:
        self._all = QWidget()
        row = QHBoxLayout(self._all)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(M)
        panel = Panel(margins=(12, 8, 12, 12))
        panel.body.addWidget(self.table)
        row.addWidget(panel, 1)
        row.addWidget(self.detail)
        self._empty = EmptyState(
            "ph.list-bullets",
            "Nothing has run in this workspace yet.",
            "Go to Home",
            "Press Start there.",
        )
        self._empty.clicked.connect(lambda: self.desk.bus.navigate.emit("home", None))
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._all)
        self._stack.addWidget(self._empty)

    def _build_actions(self) -> None:
        self._open = Button("Open", "primary", "ph.chart-line-up", tooltip="Show it in Train (Enter)")
        self._talk = Button("Playground", icon="ph.chat-centered-text", tooltip="Talk to its newest checkpoint (P)")
        self._resume = Button("Resume", icon="ph.play", tooltip="Go on from its newest checkpoint (R)")
        self._export = ToolButton("ph.export", "Export its model (E)", size=30)
        self._copy = ToolButton("ph.copy", "Copy as text (Ctrl+C)", size=30)
        self._reveal = ToolButton("ph.folder-open", "Show its folder", size=30)
        self._delete = ToolButton("ph.trash", "Delete (Del); can be undone", size=30)
        for control, text, key, run in (
            (self._open, "Open the run in Train", "Return", self.open_run),
            (self._talk, "Talk to the run's model", "P", self.talk),
            (self._resume, "Resume the run", "R", self.resume),
            (self._export, "Export the run's model", "E", self.export),
            (self._copy, "Copy the chosen runs as text", "Ctrl+C", self.copy),
            (self._reveal, "Show the run's folder", "", self.reveal),
            (self._delete, "Delete the chosen runs", "Del", self.delete),
        ):
            control.clicked.connect(self._action(text, key, run, control).trigger)
        # Anywhere on the page: whoever deleted with the button has the focus there. In the filter it undoes typing.
        self._take_back = self._action("Bring back what was deleted last", "", self.trash.take_back)
        self._take_back.setShortcut(QKeySequence(QKeySequence.StandardKey.Undo))
        self._restore = Button("Restore deleted", icon="ph.arrow-counter-clockwise")
        self._restore_all = self._action("Restore deleted runs", "", self.trash.take_back_all)
        self._restore.clicked.connect(self._restore_all.trigger)
        # In a widget of their own, so that hiding and showing them never makes a window of one.
        self._controls = QWidget()
        row = QHBoxLayout(self._controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(M)
        tools = (self._export, self._copy, self._reveal, self._delete)
        for widget in (self._restore, self._filter, *tools, self._talk, self._resume, self._open):
            row.addWidget(widget)

    def _action(self, text: str, key: str, run: Callable[[], None], control: QWidget | None = None) -> QAction:
        """Its key holds in the table, so that a letter typed into the filter stays a letter."""

        def act() -> None:
            if control is None or control.isEnabled():
                run()

        action = QAction(text, self)
        action.triggered.connect(act)
        self.addAction(action)
        if key:
            twin = QAction(text, self.table)
            twin.setShortcut(QKeySequence(key))
            twin.setShortcutContext(_HERE)
            twin.triggered.connect(action.trigger)
            self.table.addAction(twin)
        return action

    def header_left(self) -> Sequence[QWidget]:
        return (self._count,)

    def header_right(self) -> Sequence[QWidget]:
        return (self._controls,)

    def shown(self) -> None:
        time = first_words_time(self.desk.workspace)
        self._empty.set_example(f"Press Start there: first-words turns raw text into a talking model in about {time}.")
        self.desk.runs.watch(self, True)
        self._show_trash()  # it may have been emptied in Settings
        self.table.setFocus()

    def hidden(self) -> None:
        self.desk.runs.watch(self, False)

    def open(self, argument: Any) -> None:
        """argument: the folder of the run to choose."""
        self._wanted = Path(argument)
        self._show_runs()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.detail.setVisible(self.width() >= _NARROW)

    # What a person asks for

    def open_run(self, run: RunSummary | None = None) -> None:
        run = run or self._first()
        if run is not None and run.state is not None:
            self.desk.bus.navigate.emit(run.page, run.folder)

    def talk(self) -> None:
        if run := self._first():
            self.desk.bus.navigate.emit("playground", run.folder)

    def resume(self, run: RunSummary | None = None) -> None:
        run = run or self._first()
        if run is None:
            return
        try:
            self.desk.jobs.resume(self.desk.open_run(run))
        except CutawayError as error:
            self.desk.bus.error.emit(error)

    def export(self) -> None:
        """Asks what and where in a dialog of its own, which does not keep the window from anything else."""
        run = self._first()
        if run is None or not run.has_model:
            return
        dialog = ExportDialog(self.desk, run, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self.table.chosen_runs()))
        self.desk.bus.notice.emit("ok", "Copied as a table with tabs.")

    def reveal(self) -> None:
        if run := self._first():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))

    def delete(self) -> None:
        self.trash.delete(self.table.chosen_runs())

    # What the workspace says

    def _show_runs(self) -> None:
        runs = self.desk.runs.summaries
        self.table.show_runs(runs)
        if self._wanted is not None and any(run.folder == self._wanted for run in runs):
            self.table.choose([self._wanted])
            self._wanted = None
        self._stack.setCurrentWidget(self._all if runs or not self.desk.runs.loaded else self._empty)
        for widget in self._controls.findChildren(QWidget, options=_CHILDREN):
            widget.setVisible(bool(runs))
        self._show_trash()
        self._show_count()
        self._show_chosen()

    def _show_trash(self) -> None:
        count = len(self.trash.waiting())
        self._restore.setVisible(count > 0)
        self._restore.setText(f"Restore {count}")
        words = "the run that was deleted" if count == 1 else f"the {count} runs that were deleted"
        self._restore.setToolTip(f"Bring back {words}; Ctrl+Z brings back the last")
        for action in (self._take_back, self._restore_all):
            action.setEnabled(count > 0)

    def _show_count(self) -> None:
        runs = self.desk.runs.summaries
        size = size_words(sum(run.bytes for run in runs))
        few = self.table.shown_count()
        words = f"{few} of {len(runs)}" if few < len(runs) else f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
        self._count.setText(f"{words}, {size} on disk" if runs else "")

    def _show_chosen(self) -> None:
        chosen = self.table.chosen_runs()
        run = chosen[0] if chosen else None
        self.detail.show_run(run, len(chosen) - 1 if chosen else 0)
        readable = run is not None and run.state is not None
        self._open.setEnabled(readable)
        self._talk.setEnabled(run is not None and (run.has_model or self._learns(run)))
        self._export.setEnabled(run is not None and run.has_model)
        self._resume.setEnabled(run is not None and run.can_resume and not self.trash.is_at_work(run))
        for control in (self._copy, self._reveal, self._delete):
            control.setEnabled(bool(chosen))

    def _learns(self, run: RunSummary) -> bool:
        """Whether its model is training in this window: one can talk to it before it has a checkpoint."""
        job = self.desk.jobs.current
        if job is None or job.detached or job.run.folder != run.folder:
            return False
        return job.run.recipe.stages[job.stage].module.OUTPUT == "model"

    def _first(self) -> RunSummary | None:
        chosen = self.table.chosen_runs()
        return chosen[0] if chosen else None
