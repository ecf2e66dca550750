"""One line about a run, read from its folder in a few milliseconds however long the run was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from engine.errors import CutawayError
from engine.events import Event, Failed, HealthAlarm, RunState, StepMetrics, Validation, decode
from engine.launch.local import RecipeRun
from engine.store.files import read_json
from engine.store.run_folder import RunFolder, Status
from engine.store.workspace import Workspace

POINTS = 64
_TAIL_BYTES = 64 * 1024
_LINES_A_POINT = 6
_MEAN_OF = 10


@dataclass(frozen=True)
class RunSummary:
    """What a table shows of a run.

    state: None for a folder that cannot be read as a run; ended_words then say why.
    result: loss in nats per token (NaN if it became that), None before the first step.
    result_words: what that number is. loss_points: at most 64, oldest first. share: of the planned steps, 0 to 1.
    step: of the stage at work, or where it ended. bytes: on disk. seconds: worked, over all stages.
    """

    folder: Path
    name: str
    began: datetime
    state: RunState | None
    ended_words: str
    result: float | None = None
    result_words: str = ""
    loss_points: tuple[float, ...] = ()
    share: float = 1.0
    step: int = 0
    stage: str = ""
    bytes: int = 0
    seconds: float = 0.0

    @property
    def is_live(self) -> bool:
        return self.state is not None and not self.state.is_final and self.state is not RunState.WAITING

    @property
    def can_resume(self) -> bool:
        return self.state in (RunState.STOPPED, RunState.FAILED, RunState.DIED, RunState.WAITING)

    @property
    def has_model(self) -> bool:
        """Whether there is a checkpoint to talk to."""
        return any(self.folder.glob("*/checkpoints/step-*"))


def read_summary(workspace: Workspace, folder: Path) -> RunSummary:
    """Never raises CutawayError: a folder that is damaged or foreign is summed up as that."""
    try:
        run = RecipeRun.open(workspace, folder)
        statuses = [stage.status() for stage in run.stage_folders()]
        at, status = _at_work(statuses)
        title = _title(run, at)
        tail = list(_tail(run.stage_folder(at).events_path))
        points, steps, total = _losses(run)
        result, words = _result(run, status)
        return RunSummary(
            folder=folder,
            name=run.recipe.name,
            began=_began(run),
            state=status.state,
            ended_words=_ended(status, tail, title, sum(s.seconds for s in statuses), any(_checkpoints(run))),
            result=result,
            result_words=words,
            loss_points=points,
            share=min(1.0, steps / total) if total else 1.0,
            step=status.step,
            stage=title,
            bytes=_size(folder),
            seconds=sum(s.seconds for s in statuses),
        )
    except (CutawayError, OSError, KeyError, TypeError, ValueError) as error:
        return _unreadable(folder, error)


def duration_words(seconds: float) -> str:
    """ "6:12", "1:04:09"."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def size_words(count: int) -> str:
    """ "61 MB", "1.3 GB": decimal units, as disks are sold."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:,.0f} {unit}"
    return f"{count} bytes"


def began_words(began: datetime, now: datetime) -> str:
    """ "today 09:14", "yesterday 21:40", "Wed 18 Nov", "18 Nov 2025"."""
    days = (now.date() - began.date()).days
    if days in (0, 1):
        return f"{'today' if days == 0 else 'yesterday'} {began:%H:%M}"
    return f"{began:%a} {began.day} {began:%b}" if began.year == now.year else f"{began.day} {began:%b %Y}"


def _at_work(statuses: list[Status]) -> tuple[int, Status]:
    """The first stage that is not done; between two stages, the one that ended last."""
    for index, status in enumerate(statuses):
        if status.state is not RunState.DONE:
            return index, status
    return len(statuses) - 1, statuses[-1]


def _title(run: RecipeRun, index: int) -> str:
    return str(run.recipe.stages[index].module.TITLE)


def _ended(status: Status, tail: list[Event], title: str, seconds: float, has_checkpoint: bool) -> str:
    at = f"at step {status.step:,}" if status.step else f"in {title}"
    told = [event for event in tail if isinstance(event, Failed | HealthAlarm)]
    match status.state:
        case RunState.DONE:
            return f"Done in {duration_words(seconds)}"
        case RunState.STOPPED:
            return f"Stopped {at}, {'checkpoint kept' if has_checkpoint else 'can be resumed'}"
        case RunState.DIED:
            return f"Died {at}, can be resumed"
        case RunState.FAILED:
            return told[-1].what.rstrip(".") if told else f"Failed {at}"
        case RunState.PAUSED if told and told[-1].step >= status.step:
            return f"Paused {at}: {_lowered(told[-1].what)}"
        case RunState.WAITING:
            return f"Stopped before {title}" if seconds else "Not begun"
        case _:
            return f"step {status.step:,}" if status.step else title


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _result(run: RecipeRun, status: Status) -> tuple[float | None, str]:
    """While it runs the loss of the last steps; afterwards that on held-out text, which can be compared."""
    for folder in reversed(run.stage_folders()):
        tail = list(_tail(folder.events_path))
        steps = [event.loss for event in tail if isinstance(event, StepMetrics)]
        if not steps:
            continue
        held_out = [event.loss for event in tail if isinstance(event, Validation)]
        if not math.isfinite(steps[-1]):
            return math.nan, "the loss was not a number"
        if status.state.is_final and held_out:
            return held_out[-1], "loss on held-out text, nats per token"
        recent = steps[-_MEAN_OF:]
        return sum(recent) / len(recent), "training loss, nats per token"
    return None, ""


def _losses(run: RecipeRun) -> tuple[tuple[float, ...], int, int]:
    """Losses of the last stage that trains, its last step, and how many steps it planned (0 if unknown)."""
    for index in reversed(range(len(run.recipe.stages))):
        folder = run.stage_folder(index)
        points = _sampled(folder)
        if points:
            return tuple(loss for _, loss in points), points[-1][0], _planned(folder)
    return (), 0, 0


def _planned(folder: RunFolder) -> int:
    plan = folder.path / "plan.json"
    return int(read_json(plan).get("training", {}).get("steps", 0)) if plan.exists() else 0


def _sampled(folder: RunFolder) -> list[tuple[int, float]]:
    """(step, loss) at up to 64 places of the file; what is written later wins over what a resumption made void."""
    points: list[tuple[int, float]] = []
    if not folder.events_path.exists():
        return points
    size = folder.events_path.stat().st_size
    with folder.events_path.open("rb") as stream:
        for place in range(POINTS):
            found = _metrics_after(stream, size * place // (POINTS - 1), size)
            if found is None or (points and points[-1][0] == found.step):
                continue
            while points and points[-1][0] > found.step:
                points.pop()
            points.append((found.step, found.loss))
    return points


def _metrics_after(stream: BinaryIO, offset: int, size: int) -> StepMetrics | None:
    """The first step written after `offset`; at the end of the file, the last one."""
    if offset >= size:
        stream.seek(max(0, size - _TAIL_BYTES // 16))
        steps = [event for event in _decoded(stream.read().splitlines()) if isinstance(event, StepMetrics)]
        return steps[-1] if steps else None
    stream.seek(offset)
    if offset:
        stream.readline()
    lines = (stream.readline() for _ in range(_LINES_A_POINT))
    return next((event for event in _decoded(lines) if isinstance(event, StepMetrics)), None)


def _tail(path: Path) -> Iterator[Event]:
    if not path.exists():
        return
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        yield from _decoded(stream.read().splitlines())


def _decoded(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            yield decode(line.decode("utf-8"))
        except ValueError:
            continue  # the half line at which we came in, or one that is being written


def _began(run: RecipeRun) -> datetime:
    try:
        return datetime.fromisoformat(run.stage_folder(0).record().began).astimezone()
    except (CutawayError, ValueError, TypeError):
        return _modified(run.folder)


def _modified(folder: Path) -> datetime:
    recipe = folder / "recipe.json"
    return datetime.fromtimestamp((recipe if recipe.exists() else folder).stat().st_mtime).astimezone()


def _checkpoints(run: RecipeRun) -> Iterator[Path]:
    return run.folder.glob("*/checkpoints/step-*")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _unreadable(folder: Path, error: Exception) -> RunSummary:
    words = error.why if isinstance(error, CutawayError) else str(error)
    return RunSummary(folder, folder.name, _modified(folder), None, f"Cannot be read: {_lowered(words)}", bytes=0)
