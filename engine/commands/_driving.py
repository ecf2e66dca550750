"""Drives a recipe run from the terminal: shows it, stops it on Ctrl-C, and sums it up in one line of JSON."""

from __future__ import annotations

import signal
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from engine.commands._display import Display
from engine.commands._output import note, say_json
from engine.control import Control
from engine.events import ArtifactReady, HealthAlarm, RunState, StepMetrics, Validation
from engine.launch.following import START_AGAIN, end_with_starter, leave
from engine.launch.local import RecipeRun, Worker
from engine.launch.torchrun import is_leader

if TYPE_CHECKING:
    from engine.training.distributed import Group

INTERRUPTED = 130


@dataclass
class Interrupt:
    """asked: the first Ctrl-C (or SIGTERM) came."""

    asked: bool = False

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        """Only sets a flag: the control's lock may be held by the very code that a signal interrupts."""
        del signal_number, frame
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        note("Stopping: what was learned is being saved. Ctrl-C again aborts.")


def drive_to_end(run: RecipeRun, device: str, threads: int, seed: int, processes: int = 1) -> int:
    """Runs what is not done yet and prints the summary. Returns the exit code: 0, 1 after a failure or an alarm, 130
    after Ctrl-C. Raises CutawayError when the run cannot begin, KeyboardInterrupt at the second Ctrl-C.

    As the first of several processes that torchrun started it calls the others, and ends the process itself.
    """
    control = Control(run.control_folder)
    group = _join(control) if is_leader() else None
    worker = Worker(run, control, device, threads, seed, processes if group is None else 1, group)
    alarmed = False
    with _interruptible() as interrupt:
        alarmed = _drive(worker, control, interrupt)
    summary = summarise(run)
    say_json(summary)
    code = _exit_code(str(summary["state"]), alarmed=alarmed, asked=interrupt.asked)
    if group is not None:
        group.close()
        leave(code)
    return code


def _exit_code(state: str, *, alarmed: bool, asked: bool) -> int:
    if state == RunState.STARTING.value:
        return START_AGAIN
    if alarmed or state == RunState.FAILED.value:
        return 1
    return INTERRUPTED if asked and state != RunState.DONE.value else 0


def _join(control: Control) -> Group:
    from engine.training.distributed import Group

    end_with_starter(control)
    return Group()


def refuse_missing_device(device: str) -> None:
    """Raises CutawayError now, and not after minutes, when the first stage that needs it begins."""
    if device not in ("auto", "cpu"):
        from engine.device import choose_device

        choose_device(device)


def _drive(worker: Worker, control: Control, interrupt: Interrupt) -> bool:
    """Whether the run raised an alarm: it then pauses itself, and with nobody to press a button it has to stop."""
    display, index, alarmed = Display(), -1, False
    stream = worker.work()
    try:
        for event in stream:
            if worker.index != index:
                index = worker.index
                display.stage(worker.run.recipe.stages[index].module.TITLE, worker.run.stage_folder(index).path)
            display.show(event)
            alarmed = alarmed or isinstance(event, HealthAlarm)
            if (interrupt.asked or alarmed) and not control.stopping:
                control.stop()
    finally:
        stream.close()  # type: ignore[attr-defined]
        display.close()
    return alarmed


@contextmanager
def _interruptible() -> Iterator[Interrupt]:
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    former = [signal.signal(number, interrupt) for number in signals]
    try:
        yield interrupt
    finally:
        for number, handler in zip(signals, former, strict=True):
            signal.signal(number, handler)


def summarise(run: RecipeRun) -> dict[str, Any]:
    """What a run came to, read back from its folder. seconds: of work, pauses not counted."""
    stages, figures, artifacts = [], {}, {}
    for spec, folder in zip(run.recipe.stages, run.stage_folders(), strict=True):
        status = folder.status()
        stages.append({"stage": spec.name, "state": status.state.value, "seconds": round(status.seconds, 2)})
        told: dict[str, float | int | str] = {}
        speeds = []
        for event in folder.all_events():
            if isinstance(event, ArtifactReady):
                artifacts[event.kind] = event.folder
                told |= event.figures
            elif isinstance(event, Validation):
                told |= {"loss": event.loss, "bits_per_byte": event.bits_per_byte, "train_loss": event.train_loss}
            elif isinstance(event, StepMetrics):
                speeds.append(event.tokens_per_second)
                told["step"] = event.step
        if speeds:
            told["tokens_per_second"] = round(statistics.median(speeds), 1)
        figures[spec.name] = told
    return {
        "run": str(run.folder),
        "recipe": run.recipe.name,
        "state": run.status().state.value,
        "seconds": round(sum(float(str(stage["seconds"])) for stage in stages), 2),
        "stages": stages,
        "figures": figures,
        "artifacts": artifacts,
    }
