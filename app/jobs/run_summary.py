"""One line about a run, read from its folder in a few milliseconds however long the run was."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.jobs.run_losses import Losses, read_losses, read_tail
from engine.errors import CutawayError
from engine.events import Event, Failed, HealthAlarm, RunState
from engine.launch.local import RecipeRun
from engine.store.files import read_json
from engine.store.run_folder import Status
from engine.store.workspace import Workspace


@dataclass(frozen=True)
class Planned:
    """What a training stage settled before it began; zeros before that. seconds: estimated. stage: its title.

    Of a fine-tuning also method ("full" or "lora"), rank of its adapter, base: what it began with, in words,
    base_folder: its checkpoint, relative to the workspace, and conversations: how many it learns from."""

    steps: int = 0
    parameters: int = 0
    n_layer: int = 0
    d_model: int = 0
    seconds: float = 0.0
    stage: str = ""
    method: str = ""
    rank: int = 0
    base: str = ""
    base_folder: str = ""
    conversations: int = 0

    @property
    def method_words(self) -> str:
        """ "LoRA, rank 8", "all weights", "" for no fine-tuning."""
        return {"lora": f"LoRA, rank {self.rank}" if self.rank else "LoRA", "full": "all weights"}.get(self.method, "")


@dataclass(frozen=True)
class StageLine:
    title: str
    state: RunState
    seconds: float


@dataclass(frozen=True)
class RunSummary:
    """What a table shows of a run.

    state: None for a folder that cannot be read as a run; ended_words then say why.
    result: loss in nats per token (NaN if it became that), None before the first step.
    result_words: what that number is. exact: of a fine-tuning, share of held-out questions answered word for word or of
    texts labelled rightly, 0 to 1, None before the first look and where nothing is asked; best_step: of the model that
    was kept, 0 as long as that is not known. loss_points: at most 64, oldest first.
    step: of the stage at work, or where it ended; stage: its title. bytes: on disk. stages: in order.
    """

    folder: Path
    name: str
    began: datetime
    state: RunState | None
    ended_words: str
    result: float | None = None
    result_words: str = ""
    loss_points: tuple[float, ...] = ()
    step: int = 0
    stage: str = ""
    bytes: int = 0
    description: str = ""
    stages: tuple[StageLine, ...] = ()
    planned: Planned = Planned()
    has_model: bool = False
    exact: float | None = None
    best_step: int = 0

    @property
    def is_tuning(self) -> bool:
        return bool(self.planned.method)

    def has_stage(self, title: str) -> bool:
        return any(stage.title == title for stage in self.stages)

    @property
    def page(self) -> str:
        """The page that shows it at length."""
        return "finetune" if self.is_tuning else "train"

    @property
    def seconds(self) -> float:
        """Worked, over all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def share(self) -> float:
        """Of the planned steps, 0 to 1; all of them once a later stage is at work."""
        here = self.planned.steps and self.step and self.planned.stage == self.stage
        return min(1.0, self.step / self.planned.steps) if here else 1.0

    @property
    def is_live(self) -> bool:
        return self.state is not None and not self.state.is_final and self.state is not RunState.WAITING

    @property
    def can_resume(self) -> bool:
        return self.state in (RunState.STOPPED, RunState.FAILED, RunState.DIED, RunState.WAITING)


def read_summary(workspace: Workspace, folder: Path) -> RunSummary:
    """Never raises CutawayError: a folder that is damaged or foreign is summed up as that."""
    try:
        return _summary(RecipeRun.open(workspace, folder))
    except (CutawayError, OSError, KeyError, TypeError, ValueError) as error:
        words = error.why if isinstance(error, CutawayError) else str(error)
        return RunSummary(folder, folder.name, _modified(folder), None, f"Cannot be read: {_lowered(words)}")


def _summary(run: RecipeRun) -> RunSummary:
    folders = run.stage_folders()
    statuses = [folder.status() for folder in folders]
    lines = [
        StageLine(str(spec.module.TITLE), status.state, status.seconds)
        for spec, status in zip(run.recipe.stages, statuses, strict=True)
    ]
    at = next((i for i, status in enumerate(statuses) if status.state is not RunState.DONE), len(statuses) - 1)
    has_model = any(run.folder.glob("*/checkpoints/step-*"))
    losses = read_losses(run)
    result, result_words = _result(losses, statuses[at].state)
    return RunSummary(
        folder=run.folder,
        name=run.recipe.name,
        began=_began(run),
        state=statuses[at].state,
        ended_words=_ended(statuses[at], read_tail(folders[at]), lines, at, has_model),
        result=result,
        result_words=result_words,
        loss_points=losses.points if losses else (),
        step=statuses[at].step,
        stage=lines[at].title,
        bytes=bytes_on_disk(run.folder),
        description=run.recipe.description,
        stages=tuple(lines),
        planned=_planned(run, losses),
        has_model=has_model,
        exact=losses.exact if losses and losses.exact is not None and math.isfinite(losses.exact) else None,
        best_step=_best_step(losses),
    )


def bytes_on_disk(folder: Path) -> int:
    """Of all files below; those that vanish meanwhile, as old checkpoints do, count nothing. 0 for no folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(place, name)).st_size
    return total


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


def _ended(status: Status, tail: list[Event], lines: list[StageLine], index: int, has_checkpoint: bool) -> str:
    title, seconds = lines[index].title, sum(line.seconds for line in lines)
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


def _result(losses: Losses | None, state: RunState) -> tuple[float | None, str]:
    """While it runs the loss of the last steps; afterwards that on held-out text, which can be compared."""
    if losses is None or not losses.recent:
        return None, ""
    if not math.isfinite(losses.recent[-1]):
        return math.nan, "the loss was not a number"
    if state.is_final and losses.held_out is not None:
        what = "text" if losses.exact is None else "texts" if losses.labels else "conversations"
        return losses.held_out, f"loss on held-out {what}, nats per token"
    return sum(losses.recent) / len(losses.recent), "training loss, nats per token"


def _best_step(losses: Losses | None) -> int:
    found = losses.ready.figures.get("best_step", 0) if losses and losses.ready else 0
    return int(found)


def _planned(run: RecipeRun, losses: Losses | None) -> Planned:
    plan = losses.folder.path / "plan.json" if losses else None
    if plan is None or not plan.exists():
        return Planned()
    facts = read_json(plan)
    estimate = facts.get("estimate", {})
    spec = run.recipe.stages[losses.stage] if losses else None
    return Planned(
        steps=int(facts.get("training", {}).get("steps", 0)),
        parameters=int(estimate.get("parameters", 0)),
        n_layer=int(facts.get("model", {}).get("n_layer", 0)),
        d_model=int(facts.get("model", {}).get("d_model", 0)),
        seconds=float(estimate.get("seconds", 0.0)),
        stage=str(spec.module.TITLE) if spec else "",
        method=str(facts.get("method", "")),
        rank=int((facts.get("lora") or {}).get("rank", 0)),
        base=str(facts.get("base", "")),
        base_folder=str(facts.get("base_folder", "")),
        conversations=int((facts.get("conversations") or {}).get("train", 0)),
    )


def _began(run: RecipeRun) -> datetime:
    try:
        return datetime.fromisoformat(run.stage_folder(0).record().began).astimezone()
    except (CutawayError, ValueError, TypeError):
        return _modified(run.folder)


def _modified(folder: Path) -> datetime:
    recipe = folder / "recipe.json"
    return datetime.fromtimestamp((recipe if recipe.exists() else folder).stat().st_mtime).astimezone()
