"""What the followed run told so far and tells now, for every page that shows it."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.run_reader import RunReader
from engine.events import Event, MergeLearned, Resumed, RunState, StateChanged, StepMetrics, TuningCheck
from engine.launch.local import RecipeRun
from engine.store.run_folder import Status
from engine.store.workspace import Workspace

_ALIVE_MS = 200
# Each look at a run, and the pictures that follow from it, take time from the training beside it, which waits with
# all cores for the one that was busy here. So the pause grows until this thread takes 1% of one core.
_LEAST_TRAINING_MS, _MOST_TRAINING_MS = 400, 1000
_TRAINING_SHARE = 0.01
_ENDED_MS = 500
_BUDGET_SECONDS = 0.004
_POLLS_PER_STATUS = 4
# At half a kilobyte an event this bounds a stage's history to some 100 MB; beyond it every second step goes.
_HISTORY_LIMIT = 200_000


class EventFeed(QObject):
    """Follows one run at a time. The signals carry only what is new; `history` has everything up to now.

    told(): at the end of a look that found something; who repaints then, all at once, paints the window once.
    reset(run: RecipeRun | None): another run is followed from now on, its history is empty yet.
    rewound(stage_index, stage_name, step): the run went on from an earlier checkpoint; drop what came after `step`.
    events(stage_index, stage_name, list[Event]), status(stage_index, Status): in the order they were written.
    """

    told = Signal()
    reset = Signal(object)
    rewound = Signal(int, str, int)
    events = Signal(int, str, list)
    status = Signal(int, object)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self._reader: RunReader | None = None
        self._history: list[list[Event]] = []
        self._polls = 0
        self._trains = False
        self._spent = 0.0  # processor time of this thread at the last look
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)

    @property
    def run(self) -> RecipeRun | None:
        return self._reader.run if self._reader else None

    def follow(self, folder: Path | None) -> None:
        """Follows the run in this folder, or none. Following the same run again changes nothing.

        Raises CutawayError for a folder that is no run.
        """
        if self.run is not None and self.run.folder == folder:
            self.wake()
            return
        self._timer.stop()
        run = RecipeRun.open(self.workspace, folder) if folder is not None else None
        self._reader = RunReader(run) if run is not None else None
        self._history = [[] for _ in run.recipe.stages] if run is not None else []
        self.reset.emit(run)
        self.wake()

    def history(self, stage_name: str) -> list[Event]:
        """Everything valid that the stage told so far; of a very long run, thinned steps. Not to be changed."""
        index = self.stage_index(stage_name)
        return self._history[index] if index is not None else []

    def stage_index(self, stage_name: str) -> int | None:
        names = [spec.name for spec in self.run.recipe.stages] if self.run else []
        return names.index(stage_name) if stage_name in names else None

    def stage_status(self, index: int) -> Status:
        return self._reader.status(index) if self._reader else Status(RunState.WAITING)

    def wake(self) -> None:
        """Looks at once and often again: the run may have been resumed."""
        if self._reader is not None:
            self._polls = 0
            self._timer.start(0)

    def stop(self) -> None:
        self._timer.stop()

    def _poll(self) -> None:
        reader = self._reader
        if reader is None:
            return
        found = reader.poll(_BUDGET_SECONDS)
        for index, group in groupby(found, key=lambda pair: pair[0]):
            self._take(index, [event for _, event in group])
            if self._reader is not reader:
                return  # a receiver chose another run
        changed: list[tuple[int, Status]] = []
        if self._polls % _POLLS_PER_STATUS == 0 or any(isinstance(event, StateChanged) for _, event in found):
            changed = reader.poll_statuses()
        for index, status in changed:
            self.status.emit(index, status)
        self._polls += 1
        spent = time.thread_time() - self._spent
        self._spent += spent
        if found:
            self._trains = any(isinstance(event, StepMetrics | TuningCheck) for _, event in found)
        if found or changed:
            self.told.emit()
        self._timer.setInterval(0 if reader.more else self._pause_ms(spent))

    def _pause_ms(self, spent: float) -> int:
        """spent: seconds of this thread's processor time since the last look, painting and all."""
        states = [self.stage_status(index).state for index in range(len(self._history))]
        alive = any(not state.is_final and state is not RunState.WAITING for state in states)
        if not alive and self._polls >= _POLLS_PER_STATUS:
            return _ENDED_MS
        if not (alive and self._trains):
            return _ALIVE_MS
        return min(max(round(spent / _TRAINING_SHARE * 1000), _LEAST_TRAINING_MS), _MOST_TRAINING_MS)

    def _take(self, index: int, events: list[Event]) -> None:
        history = self._history[index]
        fresh: list[Event] = []
        for event in events:
            if isinstance(event, Resumed):
                fresh = [earlier for earlier in fresh if earlier.step <= event.step]
                self._rewind(index, event.step)
            fresh.append(event)
        history.extend(fresh)
        if len(history) > _HISTORY_LIMIT:
            history[:] = _thinned(history)
        self.events.emit(index, self._name(index), fresh)

    def _rewind(self, index: int, step: int) -> None:
        history = self._history[index]
        if any(event.step > step for event in history):
            history[:] = [event for event in history if event.step <= step]
            self.rewound.emit(index, self._name(index), step)

    def _name(self, index: int) -> str:
        return self.run.recipe.stages[index].name if self.run else ""


def _thinned(history: list[Event]) -> list[Event]:
    """Every second step and merge of the older half; whatever is rare stays."""
    half = len(history) // 2
    older = [
        event
        for place, event in enumerate(history[:half])
        if place % 2 or not isinstance(event, StepMetrics | MergeLearned)
    ]
    return older + history[half:]
