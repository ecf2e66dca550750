"""Conversations to fine-tune on: asked about the world, or read from files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.sorting import Counts, Sorter
from engine.corpus.conversations.stored import FACTS, iter_stored, read_facts, read_rejected
from engine.corpus.worlds.asking import ask_world
from engine.corpus.worlds.world import World
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, DocumentSample, Event, Notice, Progress, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import Artifact, making_artifact, open_artifact
from engine.store.files import read_json, write_json

TITLE = "Conversations"
OUTPUT = "conversations"
_TRUTH = "world.json"
_TELL_SECONDS = 0.05
_SAMPLES, _DROPS_TOLD = 8, 50
_NAMES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}


class Config(StageConfig):
    source: Literal["world", "files"] = dial("world", "Asked about the people of the world, or read from files.")
    corpus: str | None = dial(
        None, "The folder of the world's corpus in the workspace; empty for the one that an earlier stage made."
    )
    people_share: float = dial(
        0.5, "The share of the people who are asked about; questions about the others are held out.", ge=0.05, le=0.95
    )
    system: str = dial("", "What stands before every conversation as the system's turn; empty for nothing.")
    name: str = dial("", "What to call the conversations; empty for the name of the recipe.", max_length=60)
    seed: int = dial(1, "Another seed asks about other people, or holds out others.", ge=0)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Ends with ArtifactReady(conversations); figures: train, held_out, rejected and, for labels, labels.

    Leaves nothing behind when stopped. Raises CutawayError when there is no world to ask about.
    """
    with closing(_work(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


@dataclass
class Material:
    """What the conversations are made of. parents: what the artifact's folder is named by, beside the settings."""

    parents: dict[str, str]
    facts: dict[str, Any]
    source: str
    licence: str = "unknown"
    world: World | None = field(default=None, repr=False)


def _work(config: Config, context: Context) -> Generator[Event, None, None]:
    material = _world(config, context)
    settings = config.model_dump(mode="json")
    folder = context.workspace.artifact_folder(
        OUTPUT, config.name or context.name, "conversations", settings, material.parents
    )
    standing = _standing(folder)
    if standing is None:
        yield from _write(config, folder, material)
    yield from _show(folder)
    yield ArtifactReady(
        kind=OUTPUT,
        folder=context.relative(folder),
        reused=standing is not None,
        figures=open_artifact(folder, OUTPUT).manifest.figures,
    )


def _standing(folder: Path) -> Artifact | None:
    if not folder.is_dir():
        return None
    try:
        return open_artifact(folder, OUTPUT)
    except CutawayError:
        return None


def _world(config: Config, context: Context) -> Material:
    corpus = _corpus(config, context)
    if not corpus.file(_TRUTH).is_file():
        raise CutawayError(
            "Nobody can be asked about.",
            f"The corpus {corpus.folder.name} was not made from a world: it has no {_TRUTH}.",
            'Choose the corpus of a world, or set source = "files" and name your own conversations.',
        )
    return Material(
        parents={"corpus": corpus.hash},
        facts={"format": "world", "reason": "The questions and answers were made from the truth about the world."},
        source=f"invented by Cutaway with seed {config.seed}",
        licence="CC0-1.0",
        world=World.from_json(read_json(corpus.file(_TRUTH))),
    )


def _corpus(config: Config, context: Context) -> Artifact:
    if not config.corpus:
        return context.parent("corpus")
    root = context.workspace.root.resolve()
    folder = (root / config.corpus).resolve()
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise CutawayError(
            f'There is no corpus "{config.corpus}".',
            "The workspace has no such folder.",
            "Name a folder of the workspace, such as corpora/first-words-0123456789.",
        )
    return open_artifact(folder, "corpus")


def _write(config: Config, folder: Path, material: Material) -> Iterator[Event]:
    settings = config.model_dump(mode="json")
    with making_artifact(
        folder, kind=OUTPUT, stage="conversations", config=settings, parents=material.parents
    ) as draft:
        with Sorter(draft.folder, config.seed, 0.0) as sorter:
            yield from _ask(config, material, sorter)
            yield from _told(sorter.finish(), 0, "conversations")
        counts = sorter.counts
        facts = _facts(counts) | material.facts
        write_json(draft.folder / FACTS, facts, durable=False)
        figures = {"train": counts.of("train"), "held_out": counts.of("held_out"), "rejected": counts.rejected}
        draft.figures = {**figures, **({"labels": len(counts.labels)} if counts.labels else {})}
        draft.source, draft.licence = material.source, material.licence


def _ask(config: Config, material: Material, sorter: Sorter) -> Iterator[Event]:
    assert material.world is not None
    train, held_out = ask_world(material.world, config.seed, config.people_share)
    yield Tick()
    for conversation in held_out:
        sorter.add(_with_system(conversation, config.system), "held_out")
    for conversation in train:
        sorter.add(_with_system(conversation, config.system), "train")
    yield Tick()


def _with_system(conversation: Conversation, system: str) -> Conversation:
    """One that has a system's turn of its own keeps it."""
    if not system.strip() or conversation.messages[0].role == "system":
        return conversation
    return dataclasses.replace(conversation, messages=(Message("system", system), *conversation.messages))


def _told(counting: Iterator[int], total: int, unit: str) -> Iterator[Event]:
    told = time.monotonic()
    for done in counting:
        if time.monotonic() - told > _TELL_SECONDS or done == total:
            told = time.monotonic()
            yield Progress(step=done, done=done, total=total, unit=unit)


def _facts(counts: Counts) -> dict[str, Any]:
    return {
        "labels": sorted(counts.labels),
        "topics": dict(counts.topics["train"].most_common()),
        "held_out_topics": dict(counts.topics["held_out"].most_common()),
        "duplicates": counts.duplicates,
        "notices": [],
    }


def _show(folder: Path) -> Iterator[Event]:
    """Told from the finished folder, so that conversations which were already there look no emptier."""
    for number, conversation in enumerate(islice(iter_stored(folder, "train"), _SAMPLES), 1):
        text = "\n".join(f"{_NAMES[message.role]}: {message.content}" for message in conversation.messages)
        yield DocumentSample(step=number, text=text[:1_000])
    for rejected in read_rejected(folder, _DROPS_TOLD):
        yield DocumentDropped(source=rejected.source, reason=rejected.reason)
    for notice in read_facts(folder)["notices"]:
        yield Notice(text=notice, level="warning")
