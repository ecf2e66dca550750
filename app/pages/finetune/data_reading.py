"""Reads conversations on the engine thread, sorted by the very code that a run uses, so that every count is exact."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs.query import EngineSide, Query
from engine.control import Control
from engine.corpus.conversation import Conversation
from engine.errors import CutawayError
from engine.events import ArtifactReady, Progress
from engine.pipeline.stage import Context
from engine.store.files import ensure_space
from engine.store.run_folder import RunFolder
from engine.store.workspace import FOLDERS, Workspace

if TYPE_CHECKING:
    from engine.corpus.conversations.rejected import Rejected
    from engine.corpus.conversations.sorting import Counts, Sorter
    from engine.corpus.conversations.stored import Side
    from engine.stages._conversations_made import Material

SHOWN, MOST_CHARACTERS = 20_000, 2 * 10**7
_SHARE = 500
_PREFIX = ".preview-"


@dataclass(frozen=True)
class Reading:
    """How far it is: conversations and rejected rows so far, and the share of the bytes, 0 to 1."""

    read: int
    rejected: int
    share: float = 0.0


@dataclass(frozen=True)
class Look:
    """What a run would find. train, held_out, rejected: the first SHOWN of each; the counts are of all. When the
    reading broke off it holds the rejected rows alone.

    kinds, held_out_kinds: how many of each topic or label. form, reason: what the files were taken for, and why.
    notices: what a person should know of it, as sentences.
    """

    train: tuple[Conversation, ...] = ()
    held_out: tuple[Conversation, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    held_out_kinds: Mapping[str, int] = field(default_factory=dict)
    labels_once: tuple[str, ...] = ()
    labelled: bool = False
    form: str = ""
    reason: str = ""
    notices: tuple[str, ...] = ()

    def count(self, kind: str) -> int:
        """kind: "train", "held_out", "rejected" or "duplicates"; the rejected ones without the duplicates."""
        return self.counts.get(kind, 0)


def reading(table: Mapping[str, Any]) -> Query:
    """table: [conversations] of a recipe. Yields Reading while it works, and then one Look; raises CutawayError after
    the Look when a run could not begin with these."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.corpus.conversations.sorting import Sorter
        from engine.stages.conversations import Config, from_files, from_world

        config = Config.model_validate(dict(table))
        folder = _scratch(side.workspace)
        context = Context(side.workspace, RunFolder(folder), Control(), "preview")
        try:
            material = yield from _quietly(
                from_files(config) if config.source == "files" else from_world(config, context)
            )
            ensure_space(folder, 2 * material.bytes)
            error: CutawayError | None = None
            with Sorter(folder, config.seed, 0.0 if material.divided else config.held_out_share) as sorter:
                try:
                    for event in material.fill(sorter):
                        yield _told(event, sorter)
                    for number, _ in enumerate(sorter.finish()):
                        if number % _SHARE == 0:
                            yield Reading(sorter.taken, sorter.counts.rejected, 1.0)
                    material.check(sorter.counts)
                except CutawayError as caught:
                    error = caught
            yield _look(folder, sorter.counts, material.facts(sorter.counts) if error is None else None)
            if error is not None:
                raise error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return query


def worlds_of(workspace: Workspace) -> list[Path]:
    """Folders of corpora that were made from a world, the newest first."""
    return [artifact.folder for artifact in workspace.artifacts("corpus") if artifact.manifest.stage == "world"]


def world_of(workspace: Workspace, base: Path | None) -> Path | None:
    """The world that a run made, or whose people it asked about; None when no file says so."""
    run = next((place for place in (base, *base.parents) if (place / "recipe.json").is_file()), None) if base else None
    if run is None:
        return None
    told: list[str] = []
    try:
        for stage in run.glob("*-world"):
            events = RunFolder(stage).all_events()
            told += [event.folder for event in events if isinstance(event, ArtifactReady) and event.kind == "corpus"]
        for stage in run.glob("*-conversations/run.json"):
            told.append(str(RunFolder(stage.parent).record().config.get("corpus") or ""))
    except CutawayError:
        return None
    folders = (workspace.root / folder for folder in told if folder)
    return next((folder for folder in folders if (folder / "world.json").is_file()), None)


def _quietly(events: Generator[object, None, Material]) -> Generator[Reading, None, Material]:
    """What the stage tells before it begins to read is not for this view; its worth comes back."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: Material = end.value
            return found
        yield Reading(0, 0)


def _told(event: object, sorter: Sorter) -> Reading:
    share = event.done / event.total if isinstance(event, Progress) and event.total else 0.0
    return Reading(sorter.taken, sorter.counts.rejected, share)


def _scratch(workspace: Workspace) -> Path:
    """A folder of this process beside the conversations; those that a crash left behind go."""
    home = workspace.root / FOLDERS["conversations"]
    home.mkdir(parents=True, exist_ok=True)
    mine = f"{_PREFIX}{os.getpid()}-"
    for left in home.glob(f"{_PREFIX}*"):
        if not left.name.startswith(mine):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=mine, dir=home))


def _look(folder: Path, counts: Counts, facts: Mapping[str, Any] | None) -> Look:
    """facts: None when the reading broke off, and only the rejected rows can be told."""
    from engine.corpus.conversations.stored import read_rejected

    rejected = tuple(read_rejected(folder, SHOWN))
    told = {"duplicates": counts.duplicates, "rejected": counts.rejected - counts.duplicates}
    if facts is None:
        return Look(rejected=rejected, counts=told)
    train, kinds = side_of(folder, "train")
    held_out, held_out_kinds = side_of(folder, "held_out")
    return Look(
        train,
        held_out,
        rejected,
        told | {"train": counts.of("train"), "held_out": counts.of("held_out")},
        kinds,
        held_out_kinds,
        tuple(counts.labels_once),
        bool(counts.labels),
        str(facts["format"]),
        str(facts["reason"]),
        tuple(facts["notices"]),
    )


def side_of(folder: Path, side: Side) -> tuple[tuple[Conversation, ...], dict[str, int]]:
    """The first SHOWN, of MOST_CHARACTERS together, and how many of each kind there are among all."""
    from engine.corpus.conversations.stored import iter_stored

    shown: list[Conversation] = []
    kinds: Counter[str] = Counter()
    characters = 0
    for conversation in iter_stored(folder, side):
        kinds[conversation.label or conversation.topic] += 1
        characters += sum(len(message.content) for message in conversation.messages)
        if len(shown) < SHOWN and characters <= MOST_CHARACTERS:
            shown.append(conversation)
    return tuple(shown), dict(kinds)
