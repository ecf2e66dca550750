"""Drives one stage: records what it tells, keeps its status fresh, pauses it, and says how it ended."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.errors import CutawayError
from engine.events import (
    ArtifactReady,
    ControlApplied,
    Event,
    Failed,
    HealthAlarm,
    RunState,
    StateChanged,
    Tick,
)
from engine.pipeline.stage import Context, Restart, Stage, StageConfig
from engine.store.files import explain_os_error, refuses_to_write

_PAUSE_TICK_SECONDS = 0.02


class Recorder:
    """Stamps events with working seconds (pauses not counted), appends them, keeps `status.json` fresh.

    left: another process writes of this run from now on."""

    def __init__(self, context: Context) -> None:
        self._folder = context.run_folder
        self._control = context.control
        self._spent = self._folder.status().seconds
        self._since = time.monotonic()
        self._running = True
        self.state = RunState.STARTING
        self.step = 0
        self.left = False

    @property
    def seconds(self) -> float:
        return self._spent + (time.monotonic() - self._since if self._running else 0.0)

    def hold(self) -> None:
        self._spent, self._running = self.seconds, False

    def go_on(self) -> None:
        self._since, self._running = time.monotonic(), True

    def record(self, event: Event) -> Iterator[Event]:
        """Yields the stamped event once it is written; a full disk pauses the run until it can be."""
        event = dataclasses.replace(event, seconds=self.seconds)
        self.step = max(self.step, event.step)
        yield from self._persist(lambda: self._folder.append(event))
        yield event

    def enter(self, state: RunState, message: str = "") -> Iterator[Event]:
        self.state = state
        yield from self._persist(lambda: self._folder.write_status(state, self.step, self.seconds, message))
        yield from self.record(StateChanged(step=self.step, state=state.value, message=message))

    def heartbeat(self) -> Iterator[Event]:
        if self._folder.heartbeat_due():
            yield from self._persist(lambda: self._folder.write_status(self.state, self.step, self.seconds))

    def fail(self, error: Exception) -> Iterator[Event]:
        """Tells whoever drives, in any case; the disk as far as it takes it, since it may be the cause."""
        failed = dataclasses.replace(_failure(error, self._folder.path), step=self.step, seconds=self.seconds)
        ended = StateChanged(step=self.step, seconds=self.seconds, state=RunState.FAILED.value, message=str(error))
        self.state = RunState.FAILED
        with suppress(OSError):
            self._folder.append(failed)
        with suppress(OSError):
            self._folder.write_status(self.state, self.step, self.seconds, str(error))
            self._folder.append(ended)
        yield failed
        yield ended

    def close(self) -> None:
        """For a run that is left before it said how it ended, unless somebody goes on with it."""
        if self.state.is_final or self.left:
            return
        try:
            self._folder.write_status(RunState.STOPPED, self.step, self.seconds)
        except OSError as error:
            raise explain_os_error(error, self._folder.path) from error

    def _persist(self, write: Callable[[], None]) -> Iterator[Event]:
        """Pauses the run for as long as the disk takes nothing. What it says of that cannot be recorded either, so it
        is only handed to whoever drives."""
        waited = False
        while True:
            try:
                write()
                break
            except OSError as error:
                words = explain_os_error(error, self._folder.path)
                if self._control.stopping:
                    raise words from error
                self._control.pause()
                waited = True
                yield HealthAlarm(step=self.step, cause="disk", what=words.what, why=words.why, remedy=_then(words))
                yield StateChanged(step=self.step, state=RunState.PAUSED.value, message=words.what)
                while self._control.paused:
                    time.sleep(_PAUSE_TICK_SECONDS)
                    yield Tick()
        if waited:
            yield StateChanged(step=self.step, state=self.state.value)


def drive(stage: Stage, config: StageConfig, context: Context) -> Iterator[Event]:
    """Runs a stage to its end. Yields every event and tick; the last event is a final StateChanged.

    A CutawayError or any other Exception of the stage becomes Failed and the state `failed`; it is not
    raised again, so that a driver has one way out. Closing this generator closes the stage, which saves.
    """
    recorder = Recorder(context)
    stream = stage.run(config, context)
    complete = False
    try:
        context.run_folder.begin_writing()
        yield from recorder.enter(RunState.RUNNING)
        for event in stream:
            if isinstance(event, StateChanged):
                yield from recorder.enter(RunState(event.state), event.message)
            elif not isinstance(event, Tick):
                complete = complete or isinstance(event, ArtifactReady)
                yield from recorder.record(event)
            else:
                yield event
            yield from recorder.heartbeat()
            if context.control.paused:
                yield from _wait_while_paused(recorder, context)
        yield from recorder.enter(RunState.DONE if complete else RunState.STOPPED)
    except Restart as words:
        yield from recorder.enter(RunState.STARTING, str(words))
        recorder.left = True
    except Exception as error:
        with suppress(CutawayError):  # what the stage cannot save any more fails for the same reason
            stream.close()
        yield from recorder.fail(error)
    finally:
        context.live = None
        try:
            stream.close()
        finally:
            recorder.close()


def _wait_while_paused(recorder: Recorder, context: Context) -> Iterator[Event]:
    recorder.hold()
    yield from recorder.enter(RunState.PAUSED)
    while context.control.paused:
        time.sleep(_PAUSE_TICK_SECONDS)
        yield Tick()
        yield from recorder.heartbeat()
    recorder.go_on()
    if not context.control.stopping:
        yield from recorder.record(ControlApplied(step=recorder.step, name="resume"))
        yield from recorder.enter(RunState.RUNNING)


def _then(words: CutawayError) -> str:
    return f"{words.remedy} Then resume."


def _failure(error: Exception, folder: Path) -> Failed:
    if isinstance(error, OSError) and refuses_to_write(error):
        error = explain_os_error(error, Path(error.filename or folder))
    if isinstance(error, CutawayError):
        return Failed(what=error.what, why=error.why, remedy=error.remedy, details=error.details)
    return Failed(
        what="The stage ended with an error that it did not expect.",
        why=f"{type(error).__name__}: {error}",
        remedy="Everything saved before is intact. Copy the details into a report, then try again.",
        details="".join(traceback.format_exception(error)),
    )
