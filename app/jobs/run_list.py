"""All runs of the workspace as summaries, read away from the GUI thread and kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal

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

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.summaries: list[RunSummary] = []
        self.loaded = False
        self._known: _Known = {}
        self._reading: _Reading | None = None
        self._busy = False
        self._again = False
        self._watchers: set[QObject] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_AGAIN_MS)
        self._timer.timeout.connect(self.refresh)

    def refresh(self) -> None:
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._reading = _Reading(self.workspace, self._known)
        self._reading.done.found.connect(self._take)
        QThreadPool.globalInstance().start(self._reading)

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
        self._busy = False  # the object itself stays until the next one: its thread may still be returning from it
        if workspace == self.workspace:
            summaries = [summary for _, summary in known.values()]
            different = summaries != self.summaries or not self.loaded
            self._known, self.summaries, self.loaded = known, summaries, True
            if different:
                self.changed.emit()
        if self._again or workspace != self.workspace:
            self._again = False
            self.refresh()


class _Done(QObject):
    found = Signal(object, object)


class _Reading(QRunnable):
    """On a thread of the pool. What it made is handed over by one queued signal."""

    def __init__(self, workspace: Workspace, known: _Known) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self.done = _Done()
        self._workspace = workspace
        self._known = known

    def run(self) -> None:
        try:
            found = self._read()
        except OSError:
            found = dict(self._known)  # the list of folders changed while it was made: the next look sees it
        self.done.found.emit(self._workspace, found)

    def _read(self) -> dict[Path, tuple[int, RunSummary]]:
        found: dict[Path, tuple[int, RunSummary]] = {}
        for folder in self._workspace.run_folders():
            try:
                stamp = _stamp(folder)
                old = self._known.get(folder)
                # A run that dies changes no file, so one that seemed alive is looked at again.
                fresh = old is not None and old[0] == stamp and not old[1].is_live
                found[folder] = old if old is not None and fresh else (stamp, read_summary(self._workspace, folder))
            except FileNotFoundError:
                continue  # deleted while we looked
        return found


def _stamp(folder: Path) -> int:
    """Changes with everything that a summary shows, in nanoseconds."""
    places = [folder, *folder.glob("*/status.json"), *folder.glob("*/events.jsonl"), *folder.glob("*/checkpoints")]
    return max(place.stat().st_mtime_ns for place in places)
