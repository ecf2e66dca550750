"""A training that was already done: the same stage with the same settings, seed and parents, finished in another run.

Only asked for where a later stage goes on from it: who starts a pretraining alone wants it trained again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, Notice, RunState
from engine.pipeline.stage import Context, StageConfig
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import Workspace


@dataclass(frozen=True)
class Twin:
    """Stands for the stage whose work is there: `drive` runs it instead. ready: what the other run told at its end."""

    folder: Path
    ready: ArtifactReady

    def run(self, config: StageConfig, context: Context) -> Iterator[Event]:
        del config
        yield Notice(text=f"{self.folder.parent.name} has trained this very model already; this run goes on from it.")
        yield replace(self.ready, folder=context.relative(self.folder), reused=True)


def finished_twin(workspace: Workspace, record: RunRecord, own: Path) -> Twin | None:
    """The newest finished stage of another run that equals `record`. own: the stage's folder in this run."""
    for run in workspace.run_folders():
        for folder in run.glob(f"*-{record.stage}"):
            if folder.parent != own.parent and _equals(RunFolder(folder), record):
                ready = [event for event in RunFolder(folder).all_events() if isinstance(event, ArtifactReady)]
                if ready and not ready[-1].reused and any(folder.glob("checkpoints/step-*/manifest.json")):
                    return Twin(folder, ready[-1])
    return None


def _equals(folder: RunFolder, record: RunRecord) -> bool:
    try:
        other = folder.record()
        done = folder.status().state is RunState.DONE
    except (CutawayError, TypeError, ValueError):
        return False  # of another version, or damaged: then it is no twin
    same = (other.config, other.parents, other.seed) == (record.config, record.parents, record.seed)
    return done and same
