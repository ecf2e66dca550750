"""Which models can be tuned: the newest of every run that is over, and those that came from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.jobs.run_summary import RunSummary, began_words
from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.store.files import read_json
from engine.store.workspace import Workspace


@dataclass(frozen=True)
class Base:
    """name, detail: as the choice shows them ("first-words", "step 600"). folder: of the run, or of the model that
    came from elsewhere. checkpoint: where its weights are."""

    name: str
    detail: str
    folder: Path
    checkpoint: Path

    def place(self, workspace: Workspace) -> str:
        """As a recipe names it: relative to the workspace."""
        return self.folder.relative_to(workspace.root).as_posix()

    def config(self) -> ModelConfig | None:
        """What the model is; None when that cannot be read."""
        try:
            return ModelConfig.model_validate(read_json(self.checkpoint / "state.json")["model"])
        except (CutawayError, KeyError, TypeError, ValueError):
            return None


def list_bases(workspace: Workspace, summaries: Sequence[RunSummary], now: datetime) -> list[Base]:
    """Runs from the newest on, then what came from elsewhere. A run at work is left out: its model still changes; and
    an adapter whose base was deleted, which is no model alone."""
    over = [summary for summary in summaries if summary.has_model and not summary.is_live]
    names = Counter(summary.name for summary in over)
    found = []
    for summary in over:
        checkpoint = chosen_checkpoint(summary.folder)
        if checkpoint is not None and stands(workspace, checkpoint):
            when = f", {began_words(summary.began, now)}" if names[summary.name] > 1 else ""
            found.append(Base(summary.name, f"step {step_of(checkpoint):,}{when}", summary.folder, checkpoint))
    for folder in workspace.model_folders():
        checkpoint = chosen_checkpoint(folder) or folder
        found.append(Base(folder.name.rpartition("-")[0] or folder.name, "imported", folder, checkpoint))
    return found


def stands(workspace: Workspace, checkpoint: Path) -> bool:
    """Whether a model can be made of it: an adapter needs the base that it names."""
    if not (checkpoint / "adapter.safetensors").is_file():
        return True
    try:
        return (workspace.root / str(read_json(checkpoint / "state.json")["base"]["folder"])).is_dir()
    except (CutawayError, KeyError, TypeError):
        return False


def chosen_checkpoint(folder: Path) -> Path | None:
    """The best one of the last stage that trained, where one is named, else its newest complete one."""
    pattern = "checkpoints/step-*/manifest.json"
    sealed = [path.parent for path in (*folder.glob(f"*/{pattern}"), *folder.glob(pattern))]
    if not sealed:
        return None
    last = max(path.parents[1] for path in sealed)
    if (last / "best.json").is_file():
        best = last / "checkpoints" / str(read_json(last / "best.json").get("checkpoint", ""))
        if best in sealed:
            return best
    return max((path for path in sealed if path.parents[1] == last), key=step_of)


def step_of(checkpoint: Path) -> int:
    digits = checkpoint.name.removeprefix("step-")
    return int(digits) if digits.isdigit() else 0
