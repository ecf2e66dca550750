"""All runs of the workspace as summaries, read away from the GUI thread and kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Signal

from app.jobs.run_summary import RunSummary, read_summary
from engine.store.workspace import Workspace

_LOOK_AGAIN_MS = 2000

_Known = Mapping[Path, tuple[int, RunSummary]]


class RunList(QObject):
    """summaries: newest first, empty until the first reading. changed(): they are other ones now.

    Only runs whose files changed are read again. Reading happens once for each `refresh`, and every two seconds
    while somebody watches.
    """

    changed = Signal()
    _found = Signal(object, object)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.summaries: list[RunSummary] = []
        self.loaded = False
        self._known: _Known = {}
        self._busy = False
        self._again = False
        self._watchers: set[QObject] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_AGAIN_MS)
        self._timer.timeout.connect(self.refresh)
        self._found.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def refresh(self) -> None:
        if self._busy:
            self._again = True
            return
        self._busy = True
        workspace, known = self.workspace, self._known

        def read() -> None:
            try:
                found = _read(workspace, known)
            except OSError:
                found = dict(known)  # the list of folders changed while it was made: the next look sees it
            self._found.emit(workspace, found)

        QThreadPool.globalInstance().start(read)

    def watch(self, watcher: QObject, on: bool) -> None:
        """A page says that it shows the list, or does no longer."""
        (self._watchers.add if on else self._watchers.discard)(watcher)
        if on:
            self.refresh()
            self._timer.start()
        elif not self._watchers:
            self._timer.stop()

    def use_workspace(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.summaries, self._known, self.loaded = [], {}, False
        self.changed.emit()
        self.refresh()

    def close(self) -> None:
        """Waits for a reading that is under way."""
        self._timer.stop()
        self._again = False
        QThreadPool.globalInstance().waitForDone()

    def _take(self, workspace: Workspace, known: dict[Path, tuple[int, RunSummary]]) -> None:
        self._busy = False
        if workspace == self.workspace:
            summaries = [summary for _, summary in known.values()]
            different = summaries != self.summaries or not self.loaded
            self._known, self.summaries, self.loaded = known, summaries, True
            if different:
                self.changed.emit()
        if self._again or workspace != self.workspace:
            self._again = False
            self.refresh()


def _read(workspace: Workspace, known: _Known) -> dict[Path, tuple[int, RunSummary]]:
    """On a thread of the pool."""
    found: dict[Path, tuple[int, RunSummary]] = {}
    for folder in workspace.run_folders():
        try:
            stamp = _stamp(folder)
            old = known.get(folder)
            # A run that dies changes no file, so one that seemed alive is looked at again.
            fresh = old is not None and old[0] == stamp and not old[1].is_live
            found[folder] = old if old is not None and fresh else (stamp, read_summary(workspace, folder))
        except FileNotFoundError:
            continue  # deleted while we looked
    return found


def _stamp(folder: Path) -> int:
    """Changes with everything that a summary shows, in nanoseconds."""
    places = [folder, *folder.glob("*/status.json"), *folder.glob("*/events.jsonl"), *folder.glob("*/checkpoints")]
    return max(place.stat().st_mtime_ns for place in places)
