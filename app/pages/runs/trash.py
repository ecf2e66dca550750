"""Deleting runs so that they come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.jobs.desk import Desk
from app.jobs.run_summary import RunSummary
from engine.errors import CutawayError
from engine.store.files import explain_os_error
from engine.store.workspace import Workspace


class Trash:
    """Moves run folders into the workspace's trash, and the last ones back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: tuple[Workspace, list[Path]] | None = None

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
        self._last = (workspace, moved)
        self._desk.runs.refresh()
        if moved:
            words = f"{free[0].name} was deleted." if len(moved) == 1 else f"{len(moved)} runs were deleted."
            self._desk.bus.undo.emit(words + self._left_without_base(moved_from), self.take_back)

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

    def take_back(self) -> None:
        """Restores what was deleted last; nothing when there is nothing."""
        if self._last is None:
            return
        (workspace, moved), self._last = self._last, None
        for folder in moved:
            try:
                workspace.restore(folder)
            except (OSError, CutawayError) as error:
                words = explain_os_error(error, folder) if isinstance(error, OSError) else error
                self._desk.bus.error.emit(words)
        self._desk.runs.refresh()
