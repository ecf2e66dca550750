"""Deleting runs so that they come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.jobs.desk import Desk
from app.jobs.run_summary import RunSummary
from engine.store.files import explain_os_error


class Trash:
    """Moves run folders into the workspace's trash, and back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._deleted: list[list[Path]] = []  # what went together, the newest last

    def is_at_work(self, run: RunSummary) -> bool:
        jobs = self._desk.jobs
        taken = [job.run.folder for job in [jobs.current, *jobs.waiting] if job is not None]
        return run.folder in taken or run.is_live

    def delete(self, runs: Sequence[RunSummary]) -> None:
        """Runs that work or wait are left where they are, which is said."""
        free = [run for run in runs if not self.is_at_work(run)]
        if len(free) < len(runs):
            self._desk.bus.notice.emit("warning", "A run that works or waits cannot be deleted: stop it first.")
        if not free:
            return
        workspace, moved, moved_from = self._desk.workspace, [], []
        try:
            for run in free:
                if self._desk.feed.run is not None and self._desk.feed.run.folder == run.folder:
                    self._desk.feed.follow(None)
                moved.append(workspace.move_to_trash(run.folder))
                moved_from.append(run.folder)
        except OSError as error:
            self._desk.bus.error.emit(explain_os_error(error, run.folder))
        self._desk.runs.refresh()
        if moved:
            self._deleted.append(moved)
            words = f"{free[0].name} was deleted." if len(moved) == 1 else f"{len(moved)} runs were deleted."
            self._desk.bus.undo.emit(words + self._left_without_base(moved_from), lambda: self._restore(moved))

    def _left_without_base(self, gone: Sequence[Path]) -> str:
        """An adapter is nothing without the model that it was added to."""
        root = self._desk.workspace.root
        names = [
            run.name
            for run in self._desk.runs.summaries
            if run.folder not in gone
            and run.planned.method == "lora"
            and any((root / run.planned.base_folder).is_relative_to(folder) for folder in gone)
        ]
        if not names:
            return ""
        stands = "The adapter of" if len(names) == 1 else "The adapters of"
        return f" {stands} {' and '.join(dict.fromkeys(names))} cannot be used without it."

    def waiting(self) -> list[Path]:
        """What lies in the workspace's trash, deleted last first."""
        return self._desk.workspace.trashed()

    def take_back(self) -> None:
        """Restores what was deleted last, also in an earlier session; nothing when the trash is empty."""
        waiting = self.waiting()
        while self._deleted:
            together = [folder for folder in self._deleted.pop() if folder in waiting]
            if together:
                self._restore(together)
                return
        self._restore(waiting[:1])

    def take_back_all(self) -> None:
        """Restores everything that lies in the trash."""
        self._restore(self.waiting())

    def _restore(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            if not folder.exists():
                continue  # it came back another way, or the trash was emptied
            try:
                self._desk.workspace.restore(folder)
            except OSError as error:
                self._desk.bus.error.emit(explain_os_error(error, folder))
        self._desk.runs.refresh()
