"""Text files and folders become a corpus."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated

from pydantic import Field

from engine.corpus.document import Document, Dropped, Position
from engine.corpus.reading import Source, find_sources, read_sources
from engine.corpus.stored import CorpusWriter, iter_texts, standing_corpus
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, DocumentSample, Event, Notice, Progress, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import Artifact, making_artifact, open_artifact
from engine.store.files import ensure_space, sha256_json

TITLE = "Corpus"
OUTPUT = "corpus"
_TELL_SECONDS = 0.05
_DROPS_TOLD = 1_000
_SAMPLE_CHARACTERS = 1_000
_SAMPLES_OF_STANDING = 4


class Config(StageConfig):
    paths: list[Annotated[str, Field(min_length=1)]] = dial([], "Files (.txt, .md, .jsonl) and folders with text.")
    text_field: str = dial("text", "The field of a .jsonl row that holds the text.", min_length=1)
    name: str = dial("", "What to call the corpus; empty for the name of the recipe.", max_length=60)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Ends with ArtifactReady(corpus); figures: documents, bytes, dropped. Leaves nothing behind when stopped.

    Raises CutawayError when no path is named, one does not exist, or no text at all was found.
    """
    with closing(_collect(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


@dataclass
class _Tally:
    """What was seen so far, and when it was last told."""

    documents: int = 0
    drops: list[Dropped] = field(default_factory=list)
    dropped: int = 0
    told: float = 0.0

    def judge(self, item: Document | Dropped | Position) -> Iterator[Event]:
        """The events that an item is worth."""
        if isinstance(item, Dropped):
            self.dropped += 1
            if self.dropped <= _DROPS_TOLD:
                self.drops.append(item)
                yield DocumentDropped(step=self.documents, source=item.source, reason=item.reason)
        elif isinstance(item, Document):
            self.documents += 1
            if self.documents.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a few of any corpus, the first at once
                yield DocumentSample(step=self.documents, text=item.text[:_SAMPLE_CHARACTERS])
        elif time.monotonic() - self.told > _TELL_SECONDS or 0 < item.total == item.done:
            self.told = time.monotonic()
            if item.total:
                yield Progress(step=self.documents, done=item.done, total=item.total, unit="bytes")
            else:
                yield Tick()


def _collect(config: Config, context: Context) -> Generator[Event, None, None]:
    tally = _Tally()
    sources: list[Source] = []
    for item in find_sources([Path(path) for path in config.paths]):
        if isinstance(item, Source):
            sources.append(item)
        else:
            yield from tally.judge(item)
    settings = config.model_dump(mode="json")
    name = config.name or context.name
    folder = context.workspace.artifact_folder(OUTPUT, name, "corpus", settings, {"files": _fingerprint(sources)})
    standing = standing_corpus(folder)
    if standing is None:
        yield from _write(config, context, folder, sources, tally)
    else:
        yield from _samples(standing)
    yield ArtifactReady(
        step=tally.documents,
        kind=OUTPUT,
        folder=context.relative(folder),
        reused=standing is not None,
        figures=(standing or open_artifact(folder, OUTPUT)).manifest.figures,
    )


def _write(config: Config, context: Context, folder: Path, sources: list[Source], tally: _Tally) -> Iterator[Event]:
    ensure_space(context.workspace.root, int(1.2 * sum(source.bytes for source in sources)))
    settings = config.model_dump(mode="json")
    with making_artifact(folder, kind=OUTPUT, stage="corpus", config=settings, parents={}) as draft:
        with CorpusWriter(draft.folder) as writer:
            for item in read_sources(sources, config.text_field):
                if isinstance(item, Document):
                    writer.write(item)
                yield from tally.judge(item)
        if not writer.documents:
            raise _nothing(tally)
        if tally.dropped > _DROPS_TOLD:
            text = f"{tally.dropped:,} pieces were left out; the first {_DROPS_TOLD:,} are listed with their reasons."
            yield Notice(step=tally.documents, text=text, level="warning")
        draft.figures = {"documents": writer.documents, "bytes": writer.bytes, "dropped": tally.dropped}
        draft.source = ", ".join(config.paths)


def _samples(corpus: Artifact) -> Iterator[Event]:
    """What the making would have shown, so that a corpus that was already there looks no emptier."""
    for number, text in enumerate(islice(iter_texts(corpus), _SAMPLES_OF_STANDING), 1):
        yield DocumentSample(step=number, text=text[:_SAMPLE_CHARACTERS])


def _fingerprint(sources: list[Source]) -> str:
    """Changes whenever a file does, without reading it: so that a corpus is only reused for the very same files."""
    return sha256_json([[os.fsencode(source.path).hex(), source.bytes, source.modified_ns] for source in sources])


def _nothing(tally: _Tally) -> CutawayError:
    reasons = [f"{drop.source}: {drop.reason}" for drop in tally.drops]
    return CutawayError(
        "No text was found.",
        reasons[0] if reasons else "None of the files holds a document.",
        "Choose .txt, .md or .jsonl files that hold text.",
        "\n".join(reasons),
    )
