"""Where everything lies, how much of the disk it takes, and what waits in the trash."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QThreadPool, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from app.jobs.desk import Desk
from app.jobs.run_summary import bytes_on_disk, size_words
from app.pages.settings.row import Row
from app.widgets.buttons import Button
from app.widgets.choice_dialog import Choice, ask
from app.widgets.panel import Panel
from engine.errors import CutawayError
from engine.store.workspace import FOLDERS, Workspace


@dataclass(frozen=True)
class Usage:
    """Bytes on disk."""

    runs: int
    artifacts: int
    trash: int
    trashed: int
    free: int


class WorkspacePanel(Panel):
    _measured = Signal(object, object)

    def __init__(self, desk: Desk) -> None:
        super().__init__("Workspace", margins=(20, 16, 20, 12))
        self._desk = desk
        self._choose = Button("Choose folder", icon="ph.folder-open")
        self._show = Button("Show", tooltip="Open the folder in the file manager")
        self._empty = Button("Empty", "danger", tooltip="Delete for good what is in the trash")
        self._folder = Row("Folder", "Everything that you make lies here.", self._show, self._choose, first=True)
        self._trash = Row("Trash", "Deleted runs wait here, so that they can come back.", self._empty)
        self.body.addWidget(self._folder)
        self.body.addWidget(self._trash)
        self._choose.clicked.connect(self._ask_for_folder)
        self._show.clicked.connect(self._open_folder)
        self._empty.clicked.connect(self._ask_to_empty)
        self._measured.connect(self._take, Qt.ConnectionType.QueuedConnection)
        desk.bus.workspace_changed.connect(self.refresh)
        desk.runs.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Measures the folder on a thread of the pool: a large one takes a while."""
        self._folder.set_effect(str(self._desk.workspace.root))
        workspace = self._desk.workspace
        QThreadPool.globalInstance().start(lambda: self._measured.emit(workspace, measure(workspace)))

    def choose(self, folder: Path) -> None:
        """Goes over to the folder and keeps it; says why when that cannot be."""
        try:
            self._desk.use_workspace(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
        else:
            self._desk.settings.workspace = self._desk.workspace.root

    def _take(self, workspace: Workspace, usage: Usage) -> None:
        if workspace != self._desk.workspace:
            return
        parts = f"{size_words(usage.runs)} in runs, {size_words(usage.artifacts)} in corpora, tokenizers and shards"
        self._folder.set_effect(f"{workspace.root}\n{parts}; {size_words(usage.free)} are free on this disk.")
        count = f"{usage.trashed} run{'s' if usage.trashed != 1 else ''}, {size_words(usage.trash)}"
        self._trash.set_effect(f"{count}." if usage.trashed else "Nothing is in it.")
        self._empty.setEnabled(usage.trashed > 0)

    def _ask_for_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a workspace", str(self._desk.workspace.root))
        if chosen:
            self.choose(Path(chosen))

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._desk.workspace.root)))

    def _ask_to_empty(self) -> None:
        answer = ask(
            self.window(),
            "Delete what is in the trash?",
            "Its runs and their checkpoints are gone for good then.",
            [Choice("keep", "Keep"), Choice("delete", "Delete", "danger")],
            escape="keep",
        )
        if answer == "delete":
            self._desk.workspace.empty_trash()
            self.refresh()


def measure(workspace: Workspace) -> Usage:
    trash = workspace.trash
    return Usage(
        runs=bytes_on_disk(workspace.runs),
        artifacts=sum(bytes_on_disk(workspace.root / folder) for folder in FOLDERS.values()),
        trash=bytes_on_disk(trash),
        trashed=len(list(trash.iterdir())) if trash.is_dir() else 0,
        free=shutil.disk_usage(workspace.root).free,
    )
