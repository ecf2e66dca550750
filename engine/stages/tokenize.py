"""Turns a corpus into token shards: train and validation, ready to be read by the batch."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.corpus.split import Part, Side, split_by_document, split_tail
from engine.corpus.stored import iter_texts
from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, Notice, Progress, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import Artifact, making_artifact, open_artifact
from engine.store.files import ensure_space
from engine.tokenizer.tokenizer import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from engine.batches.shard_writer import ShardWriter
    from engine.batches.token_shards import ShardFacts

TITLE = "Tokenize"
OUTPUT = "shards"
_TELL_SECONDS = 0.1
_SMALLEST_SIDE = 2


class Config(StageConfig):
    split: Literal["document_hash", "tail"] = dial(
        "document_hash",
        "Hold out whole documents, chosen by their hash, or the last part of the text (tail, as nanoGPT does).",
    )
    validation_share: float = dial(0.05, "The share of the text that training never sees.", gt=0.0, le=0.5)
    separate_documents: bool = dial(
        True, "Put the token <|end|> after every document, so that a model learns where texts end."
    )


def run(config: Config, context: Context) -> Iterator[Event]:
    """Yields Progress in bytes of text, then ArtifactReady. Keeps nothing when it is stopped.

    Raises CutawayError for a corpus so small that one side would be empty, and for a disk without room.
    """
    with closing(_work(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


def _work(config: Config, context: Context) -> Generator[Event, None, None]:
    settings, parents = config.model_dump(mode="json"), context.parent_hashes("corpus", "tokenizer")
    folder = context.workspace.artifact_folder(OUTPUT, context.name, "tokenize", settings, parents)
    reused = _stands(folder)
    if not reused:
        yield from _warn_of_seen_text(config, context.parent("tokenizer"))
        with making_artifact(folder, kind=OUTPUT, stage="tokenize", config=settings, parents=parents) as draft:
            facts = yield from _write(config, context, draft.folder)
            draft.figures = {
                "train_tokens": facts.train_tokens,
                "validation_tokens": facts.validation_tokens,
                "bytes_per_token": round(facts.bytes_per_token, 4),
            }
    figures = open_artifact(folder, OUTPUT).manifest.figures
    yield ArtifactReady(kind=OUTPUT, folder=context.relative(folder), reused=reused, figures=figures)


def _stands(folder: Path) -> bool:
    """Whether this very work was done before and is whole; otherwise it is done anew."""
    from engine.batches.token_shards import TokenShards

    if not folder.is_dir():
        return False
    try:
        open_artifact(folder, OUTPUT)
        TokenShards(folder)
    except CutawayError:
        return False
    return True


def _warn_of_seen_text(config: Config, source: Artifact) -> Iterator[Event]:
    """A tokenizer that learned from held-out text makes validation look a little better than it is."""
    learned = source.manifest.config
    unseen = float(learned.get("validation_share", 0.0))
    learns = learned.get("kind") in ("bpe", "unigram")
    if config.split == "document_hash" and learns and unseen < config.validation_share:
        text = (
            f"The tokenizer held out {unseen:.0%} of the documents and this stage {config.validation_share:.0%}: "
            "it has seen some of the validation text."
        )
        yield Notice(text=text, level="warning")


def _write(config: Config, context: Context, folder: Path) -> Generator[Event, None, ShardFacts]:
    from engine.batches.encoding import encode_parts
    from engine.batches.shard_writer import ShardWriter
    from engine.batches.token_shards import dtype_for, write_facts

    corpus, source = context.parent("corpus"), context.parent("tokenizer")
    tokenizer = load_tokenizer(source.folder)
    dtype = dtype_for(tokenizer.vocab_size)
    total = int(corpus.manifest.figures.get("bytes", 0))
    ensure_space(folder, _expected_bytes(total, source, dtype))
    parts = yield from _split(config, corpus)
    with ExitStack() as stack:
        writers: dict[Side, ShardWriter] = {
            "train": stack.enter_context(ShardWriter(folder, "train", dtype)),
            "validation": stack.enter_context(ShardWriter(folder, "validation", dtype)),
        }
        told = 0.0
        for done in encode_parts(parts, tokenizer, writers, config.separate_documents):
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                yield Progress(done=done, total=total, unit="bytes")
            else:
                yield Tick()
    facts = _facts(writers["train"], writers["validation"], tokenizer, config, dtype)
    write_facts(folder, facts)
    return facts


def _expected_bytes(text_bytes: int, tokenizer: Artifact, dtype: str) -> int:
    ratio = float(tokenizer.manifest.figures.get("bytes_per_token", 1.0)) or 1.0
    return int(text_bytes / ratio * (2 if dtype == "uint16" else 4))


def _split(config: Config, corpus: Artifact) -> Generator[Event, None, Iterator[Part]]:
    if config.split == "document_hash":
        return split_by_document(iter_texts(corpus), config.validation_share)
    characters, told = 0, time.monotonic()
    for text in iter_texts(corpus):
        characters += len(text)
        if time.monotonic() - told >= _TELL_SECONDS:
            told = time.monotonic()
            yield Progress(done=characters, total=0, unit="characters", message="Measuring the text")
    return split_tail(lambda: iter_texts(corpus), characters, config.validation_share)


def _facts(train: ShardWriter, held_out: ShardWriter, tokenizer: Tokenizer, config: Config, dtype: str) -> ShardFacts:
    from engine.batches.token_shards import ShardFacts

    for writer, side in ((train, "training"), (held_out, "validation")):
        if writer.tokens < _SMALLEST_SIDE or writer.bytes == 0:
            raise CutawayError(
                f"The corpus is too small to be split: nothing is left for {side}.",
                f"It has {train.documents + held_out.documents:,} documents and {train.tokens + held_out.tokens:,} "
                f"tokens, and {config.validation_share:.0%} are held out.",
                "Add text, or hold out another share."
                if config.split == "tail"
                else 'Add documents, or set split to "tail", which cuts within a document.',
            )
    return ShardFacts(
        dtype=dtype,
        vocab_size=tokenizer.vocab_size,
        tokenizer_hash=tokenizer.hash,
        end_id=tokenizer.end_id,
        end_of_document="after" if config.separate_documents else "none",
        train_tokens=train.tokens,
        validation_tokens=held_out.tokens,
        train_bytes=train.bytes,
        validation_bytes=held_out.bytes,
        train_documents=train.documents,
        validation_documents=held_out.documents,
        files={**train.files, **held_out.files},
    )
