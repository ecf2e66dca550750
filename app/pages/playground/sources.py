"""Which models can be asked: the one that is training, and every checkpoint of every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.jobs.job_queue import Job
from app.jobs.query import LIVE, Source
from app.jobs.run_summary import RunSummary, began_words
from engine.errors import CutawayError
from engine.store.files import read_json

_CHECKPOINTS_A_RUN = 20


@dataclass(frozen=True)
class ModelSource:
    """name, detail: as the choice shows them ("first-words", "step 600"). run: its recipe run's folder.
    begun: False for a run whose model is not there yet; then `stage` says what it does instead."""

    name: str
    detail: str
    place: Source
    run: Path
    begun: bool = True
    stage: str = ""

    @property
    def is_live(self) -> bool:
        return self.place is LIVE

    @property
    def key(self) -> str:
        return "live" if isinstance(self.place, type(LIVE)) else str(self.place)


def list_sources(
    summaries: Sequence[RunSummary], job: Job | None, now: datetime, imported: Sequence[Path] = ()
) -> list[ModelSource]:
    """The model in training first, then the runs from the newest on, each with its newest checkpoint first, then what
    came from elsewhere. imported: folders of those models."""
    live = [_live(job)] if job is not None and not job.detached and job.worker is not None else []
    names = Counter(summary.name for summary in summaries if summary.has_model)
    stored = []
    for summary in summaries:
        when = f", {began_words(summary.began, now)}" if names[summary.name] > 1 else ""
        folders, best = checkpoint_folders(summary.folder), best_of(summary.folder)
        for folder in folders:
            step = int(folder.name.removeprefix("step-"))
            tuned = folder.parents[1] == folders[0].parents[1]
            which = ", best" if folder == best else "" if tuned else ", before fine-tuning"
            stored.append(ModelSource(summary.name, f"step {step:,}{which}{when}", folder, summary.folder))
    opened = [ModelSource(folder.name.rpartition("-")[0], "imported", folder, folder) for folder in imported]
    return live + stored + opened


def checkpoint_folders(run: Path) -> list[Path]:
    """The complete ones of a run, newest first; of a fine-tuning the best one so far before them."""
    found = [path.parent for path in run.glob("*/checkpoints/step-*/manifest.json")]
    numbered = [folder for folder in found if folder.name.removeprefix("step-").isdigit()]
    found = sorted(numbered, key=lambda folder: (folder.parents[1].name, folder.name), reverse=True)
    best = best_of(run)
    return sorted(found, key=lambda folder: folder != best)[:_CHECKPOINTS_A_RUN]


def best_of(run: Path) -> Path | None:
    """The checkpoint that fine-tuning found to be the best, so far; None for a run that has none."""
    for told in sorted(run.glob("*/best.json"), reverse=True):
        try:
            found = told.parent / "checkpoints" / str(read_json(told)["checkpoint"])
        except (CutawayError, KeyError, TypeError):
            return None  # being written at this moment
        return found if (found / "manifest.json").is_file() else None
    return None


def choose(sources: Sequence[ModelSource], wanted: ModelSource | None) -> ModelSource | None:
    """What to show of `sources`: the same again; else the newest checkpoint of the same run; else the first that can
    answer."""
    if wanted is not None:
        same = next((source for source in sources if source.key == wanted.key and source.run == wanted.run), None)
        if same is not None:
            return same
        of_run = next((source for source in sources if source.run == wanted.run), None)
        if of_run is not None:
            return of_run
    return next((source for source in sources if source.begun), sources[0] if sources else None)


def at(sources: Sequence[ModelSource], folder: Path) -> ModelSource | None:
    """The source that a folder means: a checkpoint itself, or the newest model of a run or of one of its stages."""
    exact = next((source for source in sources if source.place == folder), None)
    runs = (folder, *folder.parents)
    return exact or next((source for source in sources if source.run in runs), None)


def _live(job: Job) -> ModelSource:
    stage = job.run.recipe.stages[job.stage]
    begun = stage.module.OUTPUT == "model"
    return ModelSource(
        name=job.run.recipe.name,
        detail="training now" if begun else "not begun yet",
        place=LIVE,
        run=job.run.folder,
        begun=begun,
        stage=str(stage.module.TITLE),
    )
