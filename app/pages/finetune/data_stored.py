"""The conversations that a run learned from, read back from what it made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.jobs.query import EngineSide, Query
from app.pages.finetune.data_reading import SHOWN, Look, side_of
from engine.events import ArtifactReady
from engine.store.artifact import open_artifact
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

KIND = "conversations"


def conversations_of(workspace: Workspace, run: Path) -> Path | None:
    """The folder of a recipe run's conversations; None while they are not made."""
    for stage in run.glob(f"*-{KIND}"):
        for event in RunFolder(stage).all_events():
            if isinstance(event, ArtifactReady) and event.kind == KIND:
                return workspace.root / event.folder
    return None


def stored(folder: Path) -> Query:
    """Yields one Look. Raises CutawayError when they are gone or damaged."""

    def query(_: EngineSide) -> Iterator[object]:
        from engine.corpus.conversations.stored import read_facts, read_rejected

        figures, facts = open_artifact(folder, KIND).manifest.figures, read_facts(folder)
        duplicates = int(facts["duplicates"])
        train, kinds = side_of(folder, "train")
        yield None
        held_out, held_out_kinds = side_of(folder, "held_out")
        yield Look(
            train,
            held_out,
            tuple(read_rejected(folder, SHOWN)),
            {
                "train": int(figures["train"]),
                "held_out": int(figures["held_out"]),
                "duplicates": duplicates,
                "rejected": int(figures["rejected"]) - duplicates,
            },
            kinds,
            held_out_kinds,
            labelled=bool(facts["labels"]),
            form=str(facts["format"]),
            reason=str(facts["reason"]),
            notices=tuple(facts["notices"]),
        )

    return query
