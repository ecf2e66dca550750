"""Learns a tokenizer from a corpus, without looking at the text that is held out."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, MergeLearned, Notice, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import making_artifact, open_artifact
from engine.tokenizer.tokenizer import KINDS, Tokenizer, load_tokenizer, save_tokenizer
from engine.tokenizer.training_text import TrainingText

TITLE = "Tokenizer"
OUTPUT = "tokenizer"
_SHOWN_MERGES = 60
_SAMPLE_BYTES = 500_000


class Config(StageConfig):
    kind: Literal["bpe", "byte", "character"] = dial(
        "bpe", "bpe learns frequent pieces of words; byte and character take every byte or letter as a token."
    )
    vocab_size: int = dial(
        4096,
        "How many tokens there are: 256 bytes, the end of a document, and learned pieces. Only bpe looks at it.",
        unit="tokens",
        ge=257,
        le=1_000_000,
    )
    validation_share: float = dial(
        0.05, "The share of documents that it never sees: as large as Tokenize's or larger.", ge=0.0, le=0.5
    )
    megabytes: float = dial(
        500.0, "Learn from an even sample of this size when the corpus is larger.", unit="MB", gt=0.0, le=100_000.0
    )


def run(config: Config, context: Context) -> Iterator[Event]:
    """Yields Progress, then a readable choice of the merges, then ArtifactReady. Keeps nothing when it is stopped.

    A vocabulary larger than the text can give ends smaller, with a Notice. Raises CutawayError for an empty corpus.
    """
    with closing(_work(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


def _work(config: Config, context: Context) -> Generator[Event, None, None]:
    settings, parents = config.model_dump(mode="json"), context.parent_hashes("corpus")
    folder = context.workspace.artifact_folder(OUTPUT, context.name, "train_tokenizer", settings, parents)
    standing = _standing(folder)
    tokenizer = standing or (yield from _learn(config, context))
    if not standing:
        ratio = yield from _bytes_per_token(tokenizer, config, context)
        with making_artifact(folder, kind=OUTPUT, stage="train_tokenizer", config=settings, parents=parents) as draft:
            save_tokenizer(tokenizer, draft.folder)
            counts = {"vocab_size": tokenizer.vocab_size, "bytes_per_token": round(ratio, 4)}
            draft.figures = {"kind": tokenizer.kind, **counts}
    yield from _tell_merges(tokenizer)
    figures = open_artifact(folder, OUTPUT).manifest.figures
    yield ArtifactReady(kind=OUTPUT, folder=context.relative(folder), reused=standing is not None, figures=figures)


def _standing(folder: Path) -> Tokenizer | None:
    """What this very work made before; None when there is nothing, or nothing whole: then it is made anew."""
    if not folder.is_dir():
        return None
    try:
        open_artifact(folder, OUTPUT)
        return load_tokenizer(folder)
    except CutawayError:
        return None


def _learn(config: Config, context: Context) -> Generator[Event, None, Tokenizer]:
    texts = yield from _training_text(config, context)
    tokenizer: Tokenizer = yield from KINDS.load(config.kind).learn(texts, config.vocab_size)
    if config.kind == "bpe" and tokenizer.vocab_size < config.vocab_size:
        yield Notice(
            text=f"The text gives {tokenizer.vocab_size:,} tokens, not {config.vocab_size:,}: "
            "no other pair of pieces occurs twice. The vocabulary is that large.",
            level="warning",
        )
    return tokenizer


def _training_text(config: Config, context: Context) -> Generator[Event, None, TrainingText]:
    """All documents that are not held out, or a sample; a corpus that is held out as a whole is learned from."""
    corpus = context.parent("corpus")
    held_out = config.validation_share
    size = float(corpus.manifest.figures.get("bytes", 0))
    sample = min(1.0, config.megabytes * 1e6 / max(size, 1.0))
    texts = TrainingText(str(corpus.folder), held_out, 1.0 if sample == 1.0 else held_out + sample * (1.0 - held_out))
    if (yield from _has_text(texts)):
        return texts
    everything = TrainingText(str(corpus.folder))
    if not (yield from _has_text(everything)):
        raise CutawayError(
            "There is no text to learn a tokenizer from.", "The corpus is empty.", "Add documents to the corpus."
        )
    yield Notice(
        text="The corpus has so few documents that all of them are held out: the tokenizer learns from these.",
        level="warning",
    )
    return everything


def _has_text(texts: TrainingText) -> Generator[Event, None, bool]:
    for text in texts:
        if text:
            return True
        yield Tick()
    return False


def _bytes_per_token(tokenizer: Tokenizer, config: Config, context: Context) -> Generator[Event, None, float]:
    """On half a megabyte of text that is held out, where there is any, else on what was learned from."""
    folder = str(context.parent("corpus").folder)
    texts = TrainingText(folder, 0.0, config.validation_share)
    if not (yield from _has_text(texts)):
        texts = TrainingText(folder)
    size = tokens = 0
    for text in texts:
        for piece in tokenizer.pieces(text):
            size += len(piece.encode())
            tokens += len(tokenizer.encode(piece))
            yield Tick()
            if size >= _SAMPLE_BYTES:
                return size / tokens
    return size / tokens


def _tell_merges(tokenizer: Tokenizer) -> Iterator[Event]:
    """Up to 60 merges over all ranks, in order: of each stretch of ranks the one that makes the longest word."""
    from engine.tokenizer.kinds.bpe import BpeTokenizer

    if not isinstance(tokenizer, BpeTokenizer):
        return
    merges = tokenizer.merges
    for place in range(_SHOWN_MERGES):
        ranks = range(place * len(merges) // _SHOWN_MERGES, (place + 1) * len(merges) // _SHOWN_MERGES)
        readable = [rank for rank in ranks if _is_word(b"".join(merges[rank]))]
        if not readable:
            continue
        rank = max(readable, key=lambda rank: len(b"".join(merges[rank])))
        left, right = merges[rank]
        yield MergeLearned(
            step=rank + 1,
            left=left.decode(errors="replace"),
            right=right.decode(errors="replace"),
            joined=(left + right).decode(),
            token_id=tokenizer.ids[left + right],
        )


def _is_word(data: bytes) -> bool:
    """A word of three letters or more, as it begins after a space."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return len(text) > 3 and text.startswith(" ") and text[1:].isalpha()
