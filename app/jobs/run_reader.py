"""Reads what a recipe run tells, a little at a time, whoever writes it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engine.errors import CutawayError
from engine.events import Event, RunState
from engine.launch.local import RecipeRun
from engine.store.run_folder import RunFolder, Status

# About 80 events or 2 ms of decoding: small enough that one read keeps to a budget of a few milliseconds.
_CHUNK_BYTES = 16 * 1024


class RunReader:
    """Works alike for a run in this process, in another one, and one that ended long ago."""

    def __init__(self, run: RecipeRun) -> None:
        self.run = run
        self.more = False  # the last poll ran out of time: there is more to read at once
        self._stages = [_StageTail(folder) for folder in run.stage_folders()]

    def poll(self, budget_seconds: float) -> list[tuple[int, Event]]:
        """New events of all stages in order, (stage index, event); as many as can be read in the budget.

        A `Resumed` among them says that the events of its stage after its step are void.
        """
        deadline = time.perf_counter() + budget_seconds
        self.more = False
        found: list[tuple[int, Event]] = []
        for index, stage in enumerate(self._stages):
            for events in stage.read():
                found.extend((index, event) for event in events)
                if time.perf_counter() > deadline:
                    self.more = True
                    return found
        return found

    def poll_statuses(self) -> list[tuple[int, Status]]:
        """The stages whose status changed since the last call; a process that vanished shows as `died`."""
        return [(index, status) for index, stage in enumerate(self._stages) if (status := stage.changed_status())]

    def status(self, index: int) -> Status:
        """As last polled."""
        return self._stages[index].status


class _StageTail:
    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._offset = 0
        self._written = 0
        self.status = Status(RunState.WAITING)

    def read(self) -> Iterator[list[Event]]:
        while self._size() > self._offset:
            events, end = self._folder.read_events(self._offset, _CHUNK_BYTES)
            if end == self._offset:
                return  # a line that is still being written
            self._offset = end
            yield events

    def changed_status(self) -> Status | None:
        """A final status is read again only when its file was written again; others may die without a word."""
        try:
            written = (self._folder.path / "status.json").stat().st_mtime_ns
            if written == self._written and self.status.state.is_final:
                return None
            status = self._folder.status()
        except (OSError, CutawayError):
            return None  # not begun, or taken away
        self._written = written
        if status == self.status:
            return None
        self.status = status
        return status

    def _size(self) -> int:
        try:
            return self._folder.events_path.stat().st_size
        except OSError:
            return 0  # not begun, taken away, or its disk is out of reach: there is nothing new to tell
