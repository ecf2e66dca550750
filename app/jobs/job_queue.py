"""Which run works now, which ones wait, and how each is steered."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.detached import last_words, start_detached
from app.jobs.engine_thread import EngineThread
from app.jobs.settings import Settings
from engine.control import Control, post
from engine.errors import CutawayError
from engine.events import Event, Failed, HealthAlarm, RunState, StateChanged
from engine.launch.local import RecipeRun, Worker
from engine.launch.recipe import Recipe
from engine.store.workspace import Workspace

_WATCH_MS = 500


@dataclass(eq=False)
class Job:
    """One run at work or waiting for its turn. detached: another process does the work.
    stage: index of the stage at work. error: why it failed; alarm: why it paused itself."""

    run: RecipeRun
    state: RunState = RunState.WAITING
    detached: bool = False
    error: Failed | None = None
    alarm: HealthAlarm | None = None
    worker: Worker | None = None
    process: subprocess.Popen[bytes] | None = None
    detaching: bool = False

    @property
    def stage(self) -> int:
        if self.worker is not None:
            return self.worker.index
        states = [folder.status().state for folder in self.run.stage_folders()]
        return next((i for i, state in enumerate(states) if state is not RunState.DONE), len(states) - 1)


class JobQueue(QObject):
    """One job at a time on the device; a job that is done makes room for the next.

    began(job), ended(job): a job starts or stops being the current one. trouble(CutawayError): to be shown.
    free(): after `leave`, no job works in this process any more: the window may close.
    """

    changed = Signal()
    began = Signal(object)
    ended = Signal(object)
    trouble = Signal(object)
    free = Signal()

    def __init__(
        self, workspace: Workspace, engine: EngineThread, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.current: Job | None = None
        self.waiting: list[Job] = []
        self._engine = engine
        self._settings = settings
        self._leaving = False
        self._watch = QTimer(self)
        self._watch.setInterval(_WATCH_MS)
        self._watch.timeout.connect(self._look_at_detached)

    @property
    def busy(self) -> bool:
        """Whether a job works in this process: closing the window would end it."""
        return self.current is not None and not self.current.detached

    def start(self, recipe: Recipe) -> RecipeRun:
        """A new run of the recipe, at once or after those that wait.

        Raises CutawayError when its folder cannot be made.
        """
        run = RecipeRun.create(self.workspace, recipe)
        self._enqueue(run)
        return run

    def resume(self, run: RecipeRun) -> None:
        """Goes on with a run that stopped, failed or died. A run that is at work or waits already is left alone."""
        jobs = [self.current, *self.waiting] if self.current else self.waiting
        if all(job.run.folder != run.folder for job in jobs if job):
            self._enqueue(run)

    def remove(self, job: Job) -> None:
        """Takes a waiting job out of the queue; its run folder stays."""
        self.waiting.remove(job)
        self.changed.emit()

    def pause(self) -> None:
        self._steer("pause")

    def go_on(self) -> None:
        if self.current is not None:
            self.current.alarm = None
        self._steer("resume")

    def stop(self) -> None:
        """Answers at once; the job saves a checkpoint and ends."""
        if self.current is not None:
            self.current.state = RunState.STOPPING
            self._steer("stop")

    def checkpoint(self) -> None:
        self._steer("checkpoint")

    def scale_learning_rate(self, scale: float) -> None:
        """scale: factor on the schedule, 0 < scale <= 100, 1 = as planned."""
        self._steer("learning_rate_scale", scale)

    def detach(self) -> None:
        """Stops the job in this process, which saves, then goes on with it in a process that outlives the window."""
        if self.current is not None and not self.current.detached:
            self.current.detaching = True
            self.stop()

    def leave(self, *, detached: bool) -> None:
        """The window wants to close: stops or detaches the job and starts no other; `free` says when it may."""
        self._leaving = True
        if not self.busy:
            self.free.emit()
        elif detached:
            self.detach()
        else:
            self.stop()

    def adopt(self, run: RecipeRun) -> None:
        """Takes a run that another process works on as the current job, so that no second one starts beside it."""
        state = run.status().state
        if self.current is None and not state.is_final and state is not RunState.WAITING:
            self._begin(Job(run, state, detached=True))

    def use_workspace(self, workspace: Workspace) -> None:
        """For a queue in which nothing works or waits in this process."""
        self._watch.stop()
        self.current = None
        self.workspace = workspace
        self.changed.emit()

    def close(self) -> None:
        self._watch.stop()

    def _enqueue(self, run: RecipeRun) -> None:
        self.waiting.append(Job(run))
        self._next()

    def _next(self) -> None:
        if self.current is None and self.waiting and not self._leaving:
            self._begin(self.waiting.pop(0))
        self.changed.emit()

    def _begin(self, job: Job) -> None:
        self.current = job
        if job.detached:
            self._watch.start()
        else:
            job.state = RunState.STARTING
            control = Control(job.run.control_folder)
            settings = self._settings
            seed, processes = _seed(job.run), settings.processes
            job.worker = Worker(job.run, control, settings.device, settings.threads, seed, processes)
            self._engine.drive(job.worker, self._on_event, self._on_end)
        self.began.emit(job)
        self.changed.emit()

    def _steer(self, request: str, value: float = 0.0) -> None:
        job = self.current
        if job is None:
            return
        if job.worker is None:
            post(job.run.control_folder, request, value)
        else:
            control = job.worker.control
            verbs = {"pause": control.pause, "resume": control.resume, "stop": control.stop}
            verbs |= {"checkpoint": control.checkpoint}
            if request in verbs:
                verbs[request]()
            else:
                control.scale_learning_rate(value)
        self.changed.emit()

    def _on_event(self, event: Event) -> None:
        job = self.current
        if job is None:
            return
        if isinstance(event, StateChanged):
            job.state = RunState(event.state)
        elif isinstance(event, HealthAlarm):
            job.alarm = event
        elif isinstance(event, Failed):
            job.error = event
            self.trouble.emit(CutawayError(event.what, event.why, event.remedy, event.details))
        self.changed.emit()

    def _on_end(self, error: CutawayError | None) -> None:
        job = self.current
        assert job is not None
        job.worker = None
        if error is not None:
            job.state = RunState.FAILED
            job.error = Failed(what=error.what, why=error.why, remedy=error.remedy, details=error.details)
            self.trouble.emit(error)
        if job.detaching and job.state is RunState.STOPPED:
            self._go_on_detached(job)
        else:
            self._end(job)
        if self._leaving and not self.busy:
            self.free.emit()

    def _go_on_detached(self, job: Job) -> None:
        settings = self._settings
        try:
            job.process = start_detached(job.run, settings.device, settings.threads, settings.processes)
        except CutawayError as error:
            self._leaving = False  # what was asked for cannot be: the window stays, so that this is read
            self.trouble.emit(error)
            self._end(job)
            return
        job.detached, job.detaching, job.state = True, False, RunState.STARTING
        self._watch.start()
        self.changed.emit()

    def _look_at_detached(self) -> None:
        job = self.current
        if job is None or not job.detached:
            self._watch.stop()
            return
        code = job.process.poll() if job.process is not None else None
        starting = job.process is not None and code is None
        state = job.run.status().state
        if state.is_final and not starting:
            job.state = state
            if code:
                self._tell_last_words(job)
            self._end(job)
        elif not state.is_final and state is not job.state and job.state is not RunState.STOPPING:
            job.state = state
            self.changed.emit()

    def _tell_last_words(self, job: Job) -> None:
        self.trouble.emit(
            CutawayError(
                f"{job.run.folder.name} ended in its own process.",
                "That process reported an error.",
                "Read the details, then resume the run from its last checkpoint.",
                last_words(job.run),
            )
        )

    def _end(self, job: Job) -> None:
        self._watch.stop()
        self.current = None
        self.ended.emit(job)
        self._next()


def _seed(run: RecipeRun) -> int:
    """What goes on must go on with the seed that it began with, wherever that was."""
    first = run.stage_folder(0)
    return first.record().seed if (first.path / "run.json").is_file() else 1
