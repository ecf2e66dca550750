"""The built-in world becomes a corpus: invented people, everything told about them, and the truth on file."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.corpus.stored import CorpusWriter, standing_corpus
from engine.corpus.worlds.telling import tell_world
from engine.corpus.worlds.world import FEWEST_PEOPLE, MOST_PEOPLE, World, build_world
from engine.events import ArtifactReady, DocumentSample, Event, Progress
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import making_artifact, open_artifact

TITLE = "World"
OUTPUT = "corpus"
TRUTH = "world.json"
_TELL_SECONDS = 0.05
_SAMPLES = 12


class Config(StageConfig):
    people: int = dial(400, "How many people are invented.", unit="people", ge=FEWEST_PEOPLE, le=MOST_PEOPLE)
    documents: int = dial(12_500, "How much is told about them.", unit="documents", ge=10, le=2_000_000)
    seed: int = dial(1, "Another seed is another world.", ge=0)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Ends with ArtifactReady(corpus): documents.jsonl and world.json. Leaves nothing behind when stopped."""
    # Closing the inner generator, rather than returning from it, is what drops the half-written artifact.
    with closing(_make(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


def _make(config: Config, context: Context) -> Generator[Event, None, None]:
    settings = config.model_dump(mode="json")
    folder = context.workspace.artifact_folder(OUTPUT, context.name, "world", settings, {})
    standing = standing_corpus(folder)
    world = build_world(config.seed, config.people)
    yield from _introduce(world, config)
    if standing is None:
        yield from _write(world, config, folder, settings)
    yield ArtifactReady(
        step=config.documents,
        kind=OUTPUT,
        folder=context.relative(folder),
        reused=standing is not None,
        figures=open_artifact(folder, OUTPUT).manifest.figures,
    )


def _introduce(world: World, config: Config) -> Iterator[Event]:
    """The first documents, with the marks of what is a name and what is true."""
    for number, document in enumerate(tell_world(world, config.seed, min(_SAMPLES, config.documents)), 1):
        yield DocumentSample(step=number, text=document.text, marks=document.marks)


def _write(world: World, config: Config, folder: Path, settings: dict[str, Any]) -> Iterator[Event]:
    told = time.monotonic()
    with making_artifact(folder, kind=OUTPUT, stage="world", config=settings, parents={}) as draft:
        with CorpusWriter(draft.folder) as writer:
            for document in tell_world(world, config.seed, config.documents):
                writer.write(document)
                if time.monotonic() - told < _TELL_SECONDS and writer.documents < config.documents:
                    continue
                told = time.monotonic()
                yield Progress(step=writer.documents, done=writer.documents, total=config.documents, unit="documents")
        truth = json.dumps(world.to_json(), ensure_ascii=False, indent=1)
        (draft.folder / TRUTH).write_text(truth + "\n", encoding="utf-8")
        draft.figures = {"documents": writer.documents, "bytes": writer.bytes, "people": len(world.people)}
        draft.licence = "CC0-1.0"
        draft.source = f"invented by Cutaway with seed {config.seed}"
