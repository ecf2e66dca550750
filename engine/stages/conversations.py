"""Conversations to fine-tune on: asked about the world, or read from files."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.corpus.conversations.sorting import Sorter
from engine.corpus.conversations.stored import FACTS, iter_stored, read_facts, read_rejected
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, DocumentSample, Event, Notice, Progress
from engine.pipeline.stage import Context, StageConfig, dial
from engine.stages._conversations_made import Material, Pace
from engine.stages._conversations_of_files import from_files
from engine.stages._conversations_of_world import from_world
from engine.store.artifact import Artifact, making_artifact, open_artifact
from engine.store.files import ensure_space, write_json

TITLE = "Conversations"
OUTPUT = "conversations"
_SAMPLES, _DROPS_TOLD, _SAMPLE_CHARACTERS = 8, 50, 1_000
_NAMES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
_Path = Annotated[str, Field(min_length=1)]


class Config(StageConfig):
    source: Literal["world", "files"] = dial("world", "Asked about the people of the world, or read from files.")
    paths: tuple[_Path, ...] = dial((), "Files with conversations: .jsonl, .json, .csv, .tsv, .txt.")
    held_out_paths: tuple[_Path, ...] = dial(
        (), "Files to measure on; empty to hold out a share of the conversations instead."
    )
    format: str = dial(
        "auto", "auto finds it out and says why; else messages, sharegpt, alpaca, columns or labelled.", min_length=1
    )
    question_column: str = dial("", "The column of the question, or of the text; empty to find it out.")
    answer_column: str = dial("", "The column of the answer, or of the label; empty to find it out.")
    corpus: str | None = dial(
        None, "The folder of the world's corpus in the workspace; empty for the one that an earlier stage made."
    )
    people_share: float = dial(
        0.5, "The share of the people who are asked about; questions about the others are held out.", ge=0.05, le=0.95
    )
    held_out_share: float = dial(0.1, "The share of the conversations in files that is held out.", ge=0.0, le=0.9)
    system: str = dial("", "What stands before every conversation as the system's turn; empty for nothing.")
    name: str = dial("", "What to call the conversations; empty for the name of the recipe.", max_length=60)
    seed: int = dial(1, "Another seed asks about other people, or holds out others.", ge=0)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Ends with ArtifactReady(conversations); figures: train, held_out, rejected and, for texts with labels, labels.

    Leaves nothing behind when stopped. Raises CutawayError when there is no world to ask about, a file cannot be read
    or its format is not known, no conversation is left to learn from, and for fewer than two labels.
    """
    with closing(_work(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


def _work(config: Config, context: Context) -> Generator[Event, None, None]:
    material = yield from from_files(config) if config.source == "files" else from_world(config, context)
    settings = config.model_dump(mode="json")
    name = config.name or context.name
    folder = context.workspace.artifact_folder(OUTPUT, name, "conversations", settings, material.parents)
    standing = _standing(folder)
    if standing is None:
        ensure_space(context.workspace.root, 3 * material.bytes)
        yield from _write(config, folder, material)
    yield from _show(folder)
    yield ArtifactReady(
        kind=OUTPUT,
        folder=context.relative(folder),
        reused=standing is not None,
        figures=(standing or open_artifact(folder, OUTPUT)).manifest.figures,
    )


def _standing(folder: Path) -> Artifact | None:
    """What this very work made before; None when there is nothing, or nothing whole: then it is made anew."""
    if not folder.is_dir():
        return None
    try:
        return open_artifact(folder, OUTPUT)
    except CutawayError:
        return None


def _write(config: Config, folder: Path, material: Material) -> Iterator[Event]:
    settings = config.model_dump(mode="json")
    share = 0.0 if material.divided else config.held_out_share
    pace = Pace()
    with making_artifact(
        folder, kind=OUTPUT, stage="conversations", config=settings, parents=material.parents
    ) as draft:
        with Sorter(draft.folder, config.seed, share) as sorter:
            yield from material.fill(sorter)
            for done in sorter.finish():
                if pace.due(last=done == sorter.taken):
                    yield Progress(step=done, done=done, total=sorter.taken, unit="conversations")
        counts = sorter.counts
        material.check(counts)
        write_json(draft.folder / FACTS, material.facts(counts), durable=False)
        figures = {"train": counts.of("train"), "held_out": counts.of("held_out"), "rejected": counts.rejected}
        draft.figures = {**figures, **({"labels": len(counts.labels)} if counts.labels else {})}
        draft.source, draft.licence = material.source, material.licence


def _show(folder: Path) -> Iterator[Event]:
    """Told from the finished folder, so that conversations which were already there look no emptier."""
    for number, conversation in enumerate(islice(iter_stored(folder, "train"), _SAMPLES), 1):
        text = "\n".join(f"{_NAMES[message.role]}: {message.content}" for message in conversation.messages)
        yield DocumentSample(step=number, text=text[:_SAMPLE_CHARACTERS])
    for rejected in read_rejected(folder, _DROPS_TOLD):
        yield DocumentDropped(source=rejected.source, reason=rejected.reason)
    for notice in read_facts(folder)["notices"]:
        yield Notice(text=notice, level="warning")
