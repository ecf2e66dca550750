"""The contract of a stage.

A stage is a module in `engine/stages/` with

    TITLE: str                                  what a card shows, for example "Pretrain"
    OUTPUT: str                                 kind of the artifact it makes: "corpus", "tokenizer", "shards", "model"
    class Config(StageConfig)                   every field a dial: type, bounds, unit, one line of plain words
    run(config, context) -> Iterator[Event]     the work; ends with ArtifactReady unless it was stopped
    follow(config, context) -> None             only where many processes can share the work: the part of all but one

Importing a stage must not import torch: the window reads its Config before torch is there.
Between two yields the driver may pause, stop asking, or look into the live model, so a stage yields `Tick()`
wherever 100 ms of work have passed. It leaves its loop by itself when `context.control.stopping`; when it is
closed instead, its `finally` saves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.control import Control
from engine.errors import CutawayError
from engine.store.artifact import Artifact
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel
    from engine.training.distributed import Group


class Restart(Exception):  # noqa: N818 not an error of the stage
    """Raised by a stage that another process broke: whoever started this one will start it again."""


class Stage(Protocol):
    """What `drive` needs of a stage."""

    def run(self, config: Any, context: Any, /) -> Any: ...


class StageConfig(BaseModel):
    """Frozen; unknown keys are refused, so that a typing mistake is never silently a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def dial(default: Any, words: str, *, unit: str = "", **bounds: Any) -> Any:
    """A field of a StageConfig. words: one plain line. bounds: pydantic's ge, gt, le, lt, min_length ..."""
    return Field(default=default, description=words, json_schema_extra={"unit": unit}, **bounds)


@dataclass
class Context:
    """What a stage works with. parents: kind -> artifact that an earlier stage of the recipe made.

    name: of the recipe, for the folder names of artifacts. device: "auto", "cpu", "cuda", "mps".
    threads: CPU threads for torch, 0 for the machine's physical cores.
    live: set by a stage that trains, so that the driver can talk to the model between two yields.
    model: folder of the stage that made a model earlier in the recipe, if one did.
    group: the processes that share this stage's work; None for one.
    """

    workspace: Workspace
    run_folder: RunFolder
    control: Control
    name: str
    parents: dict[str, Artifact] = field(default_factory=dict)
    device: str = "auto"
    threads: int = 0
    seed: int = 1
    live: LoadedModel | None = None
    model: Path | None = None
    group: Group | None = None

    def parent(self, kind: str) -> Artifact:
        """Raises CutawayError when no earlier stage made such an artifact."""
        if kind not in self.parents:
            raise CutawayError(
                f"This stage needs a {kind}.",
                "No earlier stage of the recipe makes one.",
                f"Add a stage that makes a {kind} before this one.",
            )
        return self.parents[kind]

    def parent_hashes(self, *kinds: str) -> dict[str, str]:
        return {kind: self.parent(kind).hash for kind in kinds}

    def relative(self, folder: Path) -> str:
        return folder.relative_to(self.workspace.root).as_posix()


def explain_validation(error: ValidationError, where: str) -> CutawayError:
    """The first thing that is wrong with a configuration, in words; the rest as details."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the whole table"
    if first["type"] == "extra_forbidden":
        why, remedy = f'There is no setting "{key}".', "Check the spelling, or remove the line."
    else:
        why = f'"{key}" is {first["input"]!r}: {first["msg"].lower()}.'
        remedy = "Give it a value within its bounds."
    return CutawayError(f"The settings of {where} cannot be used.", why, remedy, str(error))
