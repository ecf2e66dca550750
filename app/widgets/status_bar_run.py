"""The run at work as the frame shows it: one object behind the rail, the drawer and the status bar."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.event_feed import EventFeed
from app.jobs.job_queue import Job, JobQueue
from app.jobs.pace import Pace
from app.widgets.jobs_drawer_words import log_line
from engine.errors import CutawayError
from engine.events import (
    CheckpointSaved,
    Event,
    LabelsJudged,
    Progress,
    RunState,
    StateChanged,
    StepMetrics,
    TuningCheck,
)
from engine.launch.local import RecipeRun
from engine.store.files import read_json
from engine.store.run_folder import Status

_SMOOTHING = 0.9
_LOG_LINES = 2_000


class LiveRun(QObject):
    """changed() after each look at the run that found something. logged(list): new lines of the log, oldest first.

    Numbers are None as long as nothing told them. They belong to the followed run, which is the current job's unless
    a page follows another one; `is_current` says which.
    """

    changed = Signal()
    logged = Signal(list)

    def __init__(self, jobs: JobQueue, feed: EventFeed, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._feed = jobs, feed
        self._pending: list[str] = []
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.setInterval(0)
        self._tell.timeout.connect(self._tell_now)
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._titled: Path | None = None
        self._titles: list[str] = []
        self._reset(feed.run)
        feed.reset.connect(self._reset)
        feed.told.connect(self._tell_now)
        feed.rewound.connect(lambda *_: self._pace.rewind())
        feed.events.connect(self._take)
        feed.status.connect(self._take_status)
        jobs.changed.connect(self._soon)

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        return self._jobs.current

    @property
    def is_current(self) -> bool:
        """Whether the followed run is the job at work."""
        return self.job is not None and self.run is not None and self.job.run.folder == self.run.folder

    @property
    def state(self) -> RunState | None:
        """Of the job at work; None when nothing works."""
        return self.job.state if self.job else None

    @property
    def titles(self) -> list[str]:
        """Of the stages. Looked up once a run: the registry searches a folder for each."""
        run = self.job.run if self.job else self.run
        if run is None:
            return []
        if self._titled != run.folder:
            self._titled = run.folder
            self._titles = [str(spec.module.TITLE) for spec in run.recipe.stages]
        return self._titles

    @property
    def stage(self) -> int:
        """Index of the stage at work, or of the one that ended last."""
        begun = [i for i, status in enumerate(self.statuses) if status.state is not RunState.WAITING]
        return begun[-1] if begun else 0

    @property
    def stage_title(self) -> str:
        return self.titles[self.stage] if self.titles and self.stage < len(self.titles) else ""

    @property
    def to_come(self) -> list[str]:
        """Stages of this run, then runs of the queue, that wait."""
        return [*self.titles[self.stage + 1 :], *(job.run.recipe.name for job in self._jobs.waiting)]

    @property
    def share(self) -> float:
        """How far the stage at work is, 0 to 1."""
        return min(1.0, self._done / self._total) if self._total else 0.0

    @property
    def progress_words(self) -> str:
        """ "step 348 of 600", "1,200 of 4,000 documents"; "" as long as the whole is not known."""
        if not self._total:
            return ""
        done, total = f"{self._done:,.0f}", f"{self._total:,.0f}"
        return f"{done} of {total} {self._unit}" if self._unit else f"step {done} of {total}"

    @property
    def seconds_left(self) -> float | None:
        """Of the stage at work, from the pace of its last events; None while a training still reads what it needs."""
        if self._unit and self.run is not None and self.run.recipe.stages[self._index].module.OUTPUT == "model":
            return None
        left = self._pace.seconds_left(self._total)
        return left if math.isfinite(left) else None

    @property
    def tokens_per_second(self) -> float | None:
        """Of the last steps of training."""
        speed = self._pace.tokens_per_second
        return speed if speed > 0 else None

    @property
    def is_slowed(self) -> bool:
        """Whether it works at less than half of the speed that it reached before."""
        return self._pace.slowed

    def stage_state(self, name: str) -> RunState:
        """Of a stage of the followed run by its name; waiting when the run has no such stage."""
        index = self._feed.stage_index(name)
        return self.statuses[index].state if index is not None else RunState.WAITING

    # -- what it is told -------------------------------------------------------------------------------------------

    def _reset(self, run: RecipeRun | None) -> None:
        self.run = run
        count = len(run.recipe.stages) if run else 0
        self.statuses = [self._feed.stage_status(index) for index in range(count)]
        self._worked = [0.0] * count
        self.loss: float | None = None
        # Share of held-out questions answered, or of texts labelled, rightly; of the stage at work.
        self.exact: float | None = None
        self.step = 0
        self.has_model = False
        self.log.clear()
        self._pending.clear()
        self._begin_stage(-1)
        for index in range(count):
            name = run.recipe.stages[index].name if run else ""
            self._take(index, name, self._feed.history(name))
        self._soon()

    def _begin_stage(self, index: int) -> None:
        self._index = index
        self.exact = None
        self._done, self._total, self._unit = 0.0, 0.0, ""
        self._pace = Pace()
        self._plan: dict[str, Any] | None = None
        self._environment: dict[str, Any] | None = None
        self._sum = self._weight = 0.0

    def _take(self, index: int, name: str, events: list[Event]) -> None:
        if index != self._index:
            self._begin_stage(index)
        for event in events:
            if isinstance(event, StepMetrics):
                self._take_step(event)
            elif isinstance(event, Progress):
                self._move(event.done, event.total, event.seconds, event.unit)
            elif isinstance(event, CheckpointSaved):
                self.has_model = True
            elif isinstance(event, TuningCheck):
                self.exact = event.exact if event.asked else self.exact
            elif isinstance(event, LabelsJudged):
                self.exact = event.accuracy
            elif isinstance(event, StateChanged) and event.state == RunState.RUNNING:
                self._pace.rest()
            title = self.titles[index] if index < len(self.titles) else name
            self._worked[index] = max(self._worked[index], event.seconds)
            line = log_line(event, title, sum(self._worked[:index]))
            if line:
                self._pending.append(line)

    def _take_step(self, event: StepMetrics) -> None:
        self.step = event.step
        if math.isfinite(event.loss):
            self._sum = _SMOOTHING * self._sum + (1 - _SMOOTHING) * event.loss
            self._weight = _SMOOTHING * self._weight + (1 - _SMOOTHING)
            self.loss = self._sum / self._weight
        else:
            self.loss = event.loss
        self._move(event.step, self._planned_steps(), event.seconds, tokens=event.tokens)

    def _move(self, done: float, total: float, seconds: float, unit: str = "", tokens: int = 0) -> None:
        if unit != self._unit:
            self._pace = Pace()  # a training first reads, then steps: the pace of one says nothing of the other
        self._done, self._total, self._unit = done, total, unit
        self._pace.add(done, seconds, tokens)

    def _planned_steps(self) -> int:
        plan = self.plan()
        return int(plan["training"]["steps"]) if plan else 0

    def plan(self) -> dict[str, Any]:
        """`plan.json` of the stage at work, {} until it is written. It never changes afterwards."""
        if self._plan is None and self.run is not None and self._index >= 0:
            path: Path = self.run.stage_folder(self._index).path / "plan.json"
            try:
                self._plan = read_json(path) if path.is_file() else None
            except CutawayError:
                self._plan = None  # half written: the next event asks again
        return self._plan or {}

    def environment(self) -> dict[str, Any]:
        """Device, dtype and threads of the stage at work, {} when it recorded none. Written once, before it begins."""
        if self._environment is None and self.run is not None and self._index >= 0:
            try:
                self._environment = self.run.stage_folder(self._index).record().environment
            except (CutawayError, TypeError):
                self._environment = None  # not written yet: the next event asks again
        return self._environment or {}

    def _take_status(self, index: int, status: Status) -> None:
        if index < len(self.statuses):
            self.statuses[index] = status

    def _soon(self) -> None:
        if not self._tell.isActive():
            self._tell.start()

    def _tell_now(self) -> None:
        lines, self._pending = self._pending, []
        self.log.extend(lines)
        if lines:
            self.logged.emit(lines)
        self.changed.emit()
