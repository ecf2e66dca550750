"""The window while a model trains in it: how late its event loop is, how fast it shows and stops, what watching costs.

Baselines of the same run: the event loop of the idle window, the same training while the window's thread sleeps, and
the same training in a process without a window, each in turn.

python -m tests.benchmarks.window [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer

from app.application import make_application
from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from app.main_window import MainWindow
from app.theme import stylesheet
from app.theme.palette import DARK
from engine.events import RunState, StepMetrics
from engine.launch.recipe import Recipe, load_recipe
from engine.store.run_folder import RunFolder
from engine.store.workspace import open_workspace
from tests.benchmarks.report import Report, arguments

INTERVAL_MS = 5
WARM_STEPS = 15
LEFT = (RunState.SAVING, RunState.STOPPED)
# Validation, samples and checkpoints are the same work with and without a window: left out where speeds are compared.
QUIET = {f"pretrain.{name}_every": 100_000 for name in ("evaluate", "sample", "checkpoint")}


@dataclass
class Lateness:
    """How much later than asked a 5 ms timer fires, in ms."""

    late: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.late)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class LoopWatch(QObject):
    """Records lateness while `on`. It is itself one cheap slot on the GUI thread."""

    def __init__(self) -> None:
        super().__init__()
        self.into: Lateness | None = None
        self._last = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(INTERVAL_MS)

    def stop(self) -> None:
        """A watch costs too: nothing of it may stand in the other figures."""
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.into is not None:
            self.into.late.append(max((now - self._last) * 1e3 - INTERVAL_MS, 0.0))
        self._last = now


def wait(seconds: float, until: Callable[[], bool] = lambda: False, every_ms: int = 4) -> bool:
    """Lets the window live; QEventLoop.exec gives the GIL away while nothing happens, as the real program does."""
    loop, end = QEventLoop(), time.monotonic() + seconds
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > end else None)
    timer.start(every_ms)
    loop.exec()
    timer.stop()
    return until()


def recipe(**changes: object) -> Recipe:
    return load_recipe("first-words", {f"pretrain.{key}": value for key, value in changes.items()})


def started(workspace: Path, times: int) -> tuple[float, bool]:
    """Median seconds from asking for the process to the first paint; whether torch was imported by then in any."""
    seconds, torch_seen = [], False
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "--workspace", str(workspace)],
            env={**os.environ, "CUTAWAY_TRACE_START": str(time.time())},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.terminate()
        process.communicate()
        seconds.append(told["visible_seconds"])
        torch_seen = torch_seen or told["torch_imported"]
    return median(seconds), torch_seen


def speed(folder: RunFolder) -> float:
    """Tokens per second of wall time after the first steps, from the run folder's own clock."""
    steps = [event for event in folder.all_events() if isinstance(event, StepMetrics)][WARM_STEPS:]
    return (steps[-1].tokens - steps[0].tokens) / (steps[-1].seconds - steps[0].seconds)


def train_in_window(desk: Desk, asked: Recipe, seconds: float = 600) -> RunFolder:
    run = desk.jobs.start(asked)
    if not wait(seconds, lambda: desk.jobs.current is None, every_ms=100):
        raise SystemExit("the run did not end in time")
    return run.stage_folders()[-1]


def train_headless(workspace: Path, steps: int) -> RunFolder:
    changes = {**QUIET, "pretrain.steps": steps}
    sets = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "engine", "run", "first-words", "--workspace", str(workspace), *sets]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return RunFolder(Path(json.loads(done.stdout.splitlines()[-1])["run"]) / "4-pretrain")


def measure_lateness(report: Report, desk: Desk, window: MainWindow, watch: LoopWatch, seconds: float) -> None:
    idle = watch.into = Lateness()
    wait(seconds / 4)
    watch.into = None
    report.add("baseline: idle event loop late, 99th percentile", idle.percentile(0.99), "ms")
    report.add("baseline: idle event loop late, maximum", max(idle.late), "ms")
    run = desk.jobs.start(recipe(steps=100_000))
    folder = run.stage_folders()[-1]
    wait(120, lambda: folder.status().step > 3)
    training = Lateness()
    peak = 0
    for page in ("home", "train"):
        window.show_page(page)
        wait(1.0)  # the first look at a page builds it: told on its own below
        watch.into = training
        wait(seconds / 4)
        desk.jobs.checkpoint()
        wait(seconds / 4)
        watch.into = None
        peak = max(peak, psutil.Process().memory_info().rss)
    report.add("event loop late while training, 99th percentile", training.percentile(0.99), "ms", "<= 16")
    report.add("event loop late while training, median", training.percentile(0.5), "ms")
    report.add("event loop late while training, maximum", max(training.late), "ms", "<= 100")
    report.add("memory of window and training", peak / 1e9, "GB", "<= 1.5")
    desk.jobs.stop()
    wait(60, lambda: desk.jobs.current is None)


def measure_stop(report: Report, desk: Desk, times: int) -> None:
    """answered: the training loop was left. stopped: the checkpoint is on the disk and verified."""
    answers, ends = [], []
    for attempt in range(times):
        run = desk.jobs.start(recipe(steps=100_000))
        folder = run.stage_folders()[-1]
        wait(120, lambda folder=folder: folder.status().step > 2)
        wait(0.7 + 0.137 * attempt)
        asked = time.perf_counter()
        desk.jobs.stop()
        wait(30, lambda: desk.jobs.current is None or desk.jobs.current.state in LEFT)
        answers.append((time.perf_counter() - asked) * 1e3)
        wait(30, lambda: desk.jobs.current is None)
        ends.append((time.perf_counter() - asked) * 1e3)
    report.add("Stop answered, slowest", max(answers), "ms", "<= 200")
    report.add("Stop until the checkpoint is kept, slowest", max(ends), "ms")


def measure_watching(report: Report, desk: Desk, window: MainWindow, workspace: Path, pairs: int, steps: int) -> None:
    window.show_page("train")
    quiet = {key.removeprefix("pretrain."): value for key, value in QUIET.items()}
    watched, alone = [], []
    for _ in range(pairs):
        alone.append(speed(train_headless(workspace, steps)))
        watched.append(speed(train_in_window(desk, recipe(steps=steps, **quiet))))
        print(json.dumps({"alone": alone[-1], "watched": watched[-1]}), file=sys.stderr)
    report.add("baseline: training without a window", median(alone), "tokens/s")
    report.add("training in the window, Train page open", median(watched), "tokens/s")
    costs = [100 * (1 - b / a) for a, b in zip(alone, watched, strict=True)]
    report.add("watching costs against a process without a window, median of pairs", median(costs), "%", "<= 2")


def sleep_beside(folder: RunFolder, seconds: float) -> float:
    """The window's thread does nothing. Returns what to add to an event's seconds to have this process's clock."""
    end, size = time.monotonic() + seconds, folder.events_path.stat().st_size
    while folder.events_path.stat().st_size == size:
        time.sleep(0.002)
    seen = time.monotonic()
    events, _ = folder.read_events(size)
    time.sleep(max(end - time.monotonic(), 0.0))
    return seen - events[-1].seconds


def measure_watching_in_turn(report: Report, desk: Desk, window: MainWindow, rounds: int, seconds: float) -> None:
    """One run, watched and not watched in turn: what else the machine does meets both alike."""
    quiet = {key.removeprefix("pretrain."): value for key, value in QUIET.items()}
    for page in ("train", "home"):
        window.show_page(page)
        folder = desk.jobs.start(recipe(steps=100_000, **quiet)).stage_folders()[-1]
        wait(120, lambda folder=folder: folder.status().step > WARM_STEPS, every_ms=100)
        spans: dict[str, list[tuple[float, float]]] = {"watched": [], "asleep": []}
        shift = float("inf")
        for _ in range(rounds):
            began = time.monotonic()
            wait(seconds, every_ms=250)
            spans["watched"].append((began, time.monotonic()))
            shift = min(shift, sleep_beside(folder, seconds))
            spans["asleep"].append((spans["watched"][-1][1], time.monotonic()))
        desk.jobs.stop()
        wait(60, lambda: desk.jobs.current is None, every_ms=100)
        times = [event.seconds + shift for event in folder.all_events() if isinstance(event, StepMetrics)]
        watched, asleep = (seconds_per_step(times, spans[name]) for name in ("watched", "asleep"))
        cost = 100 * (1 - asleep / watched)
        report.add(f"watching costs, {page} page against the window's thread asleep", cost, "%", "<= 2")


def seconds_per_step(times: list[float], spans: list[tuple[float, float]]) -> float:
    inside = [[at for at in times if began <= at <= ended] for began, ended in spans]
    return sum(found[-1] - found[0] for found in inside) / sum(len(found) - 1 for found in inside)


def main() -> None:
    options = arguments(__doc__ or "")
    report = Report("window")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        seconds, torch_seen = started(workspace, 3 if options.quick else 5)
        report.add("window visible after the process was asked for", seconds, "s", "<= 1")
        report.add("torch imported before the window", float(torch_seen), "yes=1", "<= 0")
        app = make_application()
        stylesheet.apply(app, DARK)
        desk = make_desk(Settings(Path(folder) / "settings.ini"), open_workspace(workspace))
        desk.open()
        window = MainWindow(desk)
        window.resize(1440, 900)
        window.show_page("home")
        window.show()
        watch = LoopWatch()
        try:
            measure_lateness(report, desk, window, watch, 16 if options.quick else 80)
            watch.stop()
            measure_stop(report, desk, 3 if options.quick else 8)
            measure_watching_in_turn(report, desk, window, *((2, 3.0) if options.quick else (10, 5.0)))
            pairs, steps = (1, 80) if options.quick else (3, 300)
            measure_watching(report, desk, window, workspace, pairs, steps)
        finally:
            desk.close()
            window.deleteLater()
    report.end()


if __name__ == "__main__":
    main()
