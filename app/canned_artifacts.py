"""The stages before pretrain, really run: a canned workspace has a true world, tokenizer and token shards."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.control import Control
from engine.events import ArtifactReady, Event, StateChanged
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.store.workspace import FOLDERS, Workspace, open_workspace

# Not the preset: that may be tuned at any time, and pictures and tests should not change with it.
TABLES: dict[str, dict[str, Any]] = {
    "world": {"people": 400, "documents": 12_500},
    "train_tokenizer": {"kind": "bpe", "vocab_size": 1024},
    "tokenize": {},
}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """root: of the workspace that holds the artifacts; `keeper` deletes it at the end of the process."""

    root: Path
    events: dict[str, tuple[Event, ...]]
    keeper: tempfile.TemporaryDirectory[str]


@lru_cache(maxsize=1)
def prepared() -> Prepared:
    """Takes about two seconds, once in a process."""
    keeper = tempfile.TemporaryDirectory(prefix="cutaway-canned-")
    workspace = open_workspace(Path(keeper.name))
    recipe = recipe_from_json({"name": "first-words", "description": "", "stages": TABLES})
    run = RecipeRun.create(workspace, recipe)
    for _ in run.work(Control()):
        pass
    told = {
        spec.name: tuple(event for event in folder.all_events() if not isinstance(event, StateChanged))
        for spec, folder in zip(recipe.stages, run.stage_folders(), strict=True)
    }
    return Prepared(workspace.root, told, keeper)


def copy_artifacts(workspace: Workspace) -> None:
    """Puts corpus, tokenizer and shards into a workspace."""
    for folder in FOLDERS.values():
        shutil.copytree(prepared().root / folder, workspace.root / folder, dirs_exist_ok=True)


def told_events(stage: str, seconds: float) -> list[Event]:
    """What the stage told, spread over `seconds`."""
    events = prepared().events[stage]
    took = max((event.seconds for event in events), default=0.0) or 1.0
    return [dataclasses.replace(event, seconds=event.seconds / took * seconds) for event in events]


def train_tokens() -> int:
    """What the shards hold for training."""
    ready = [event for event in prepared().events["tokenize"] if isinstance(event, ArtifactReady)]
    return int(ready[-1].figures["train_tokens"])
