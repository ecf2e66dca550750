"""Learns a tokenizer from a corpus, without looking at the text that is held out."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, MergeLearned, Notice, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.artifact import making_artifact, open_artifact
from engine.tokenizer.tokenizer import KINDS, Tokenizer, load_tokenizer, save_tokenizer
from engine.tokenizer.training_text import TrainingText

TITLE = "Tokenizer"
OUTPUT = "tokenizer"
LEARNED_KINDS = ("bpe", "unigram")
_SHOWN_MERGES = 60
_SAMPLE_BYTES = 500_000


class Config(StageConfig):
    kind: Literal["bpe", "unigram", "byte", "character"] = dial(
        "bpe",
        "bpe joins frequent neighbours, unigram keeps the likeliest pieces of words; byte and character take every "
        "byte or letter as a token.",
    )
    vocab_size: int = dial(
        4096,
        "How many tokens there are: 256 bytes, the end of a document, and learned pieces. Byte and character do not "
        "look at it.",
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
    pattern: str = dial(
        "gpt4",
        "What cuts text into words, over whose borders no token reaches: gpt4, gpt2, llama3 (which took GPT-4's), or a "
        "regular expression.",
        min_length=1,
        max_length=5000,
    )
    min_frequency: int = dial(
        2, "How often two neighbours must stand together to become one. Only bpe looks at it.", unit="times", ge=1
    )
    document_cap: int = dial(
        0, "How much of each document counts, from its beginning; 0 for all of it.", unit="characters", ge=0
    )
    balance: float = dial(
        0.0,
        "0 takes the corpus as it is; 1 gives every source and every script the same share, however small it is.",
        ge=0.0,
        le=1.0,
    )


def run(config: Config, context: Context) -> Iterator[Event]:
    """Yields Progress, then a readable choice of the merges with the compression up to there, then ArtifactReady.
    Keeps nothing when it is stopped.

    A vocabulary larger than the text can give ends smaller, with a Notice. Raises CutawayError for an empty corpus.
    """
    with closing(_work(config, context)) as events:
        for event in events:
            yield event
            if context.control.stopping:
                return


def _work(config: Config, context: Context) -> Generator[Event, None, None]:
    settings, parents = _settings(config), context.parent_hashes("corpus")
    folder = context.workspace.artifact_folder(OUTPUT, context.name, "train_tokenizer", settings, parents)
    standing = _standing(folder)
    tokenizer = standing or (yield from _learn(config, context))
    if not standing:
        ratio = yield from _bytes_per_token(tokenizer, config, context)
        with making_artifact(folder, kind=OUTPUT, stage="train_tokenizer", config=settings, parents=parents) as draft:
            save_tokenizer(tokenizer, draft.folder)
            counts = {"vocab_size": tokenizer.vocab_size, "bytes_per_token": round(ratio, 4)}
            draft.figures = {"kind": tokenizer.kind, **counts}
    yield from _tell_learned(tokenizer, config, context)
    figures = open_artifact(folder, OUTPUT).manifest.figures
    yield ArtifactReady(kind=OUTPUT, folder=context.relative(folder), reused=standing is not None, figures=figures)


def _settings(config: Config) -> dict[str, Any]:
    """What decides the tokenizer. Left out where they say what was the only way once: such work keeps its folder."""
    plain = Config()
    later = ("pattern", "min_frequency", "document_cap", "balance")
    unchanged = {name for name in later if getattr(config, name) == getattr(plain, name)}
    return config.model_dump(mode="json", exclude=unchanged)


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
    learn = KINDS.load(config.kind).learn
    tokenizer: Tokenizer = yield from learn(texts, config.vocab_size, config.pattern, config.min_frequency)
    if config.kind in LEARNED_KINDS and tokenizer.vocab_size < config.vocab_size:
        why = "no other pair of pieces occurs" if config.kind == "bpe" else "no other piece of a word occurs"
        often = {1: "at all", 2: "twice"}.get(config.min_frequency, f"{config.min_frequency:,} times")
        yield Notice(
            text=f"The text gives {tokenizer.vocab_size:,} tokens, not {config.vocab_size:,}: "
            f"{why} {often if config.kind == 'bpe' else 'twice'}. The vocabulary is that large.",
            level="warning",
        )
    return tokenizer


def _training_text(config: Config, context: Context) -> Generator[Event, None, TrainingText]:
    """All documents that are not held out, or a sample; a corpus that is held out as a whole is learned from."""
    corpus = context.parent("corpus")
    held_out = config.validation_share
    size = float(corpus.manifest.figures.get("bytes", 0))
    sample = min(1.0, config.megabytes * 1e6 / max(size, 1.0))
    most = 1.0 if sample == 1.0 else held_out + sample * (1.0 - held_out)
    texts = TrainingText(str(corpus.folder), held_out, most, config.document_cap, config.balance)
    if (yield from _has_text(texts)):
        return texts
    everything = TrainingText(str(corpus.folder), cap=config.document_cap, balance=config.balance)
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


def _tell_learned(tokenizer: Tokenizer, config: Config, context: Context) -> Generator[Event, None, None]:
    """Merges and the compression that a vocabulary up to there has, in the order in which they were learned."""
    from engine.tokenizer.compression import curve

    folder = str(context.parent("corpus").folder)
    texts = TrainingText(folder, config.validation_share)
    if not (yield from _has_text(texts)):
        texts = TrainingText(folder)
    measured = yield from curve(tokenizer, texts)
    yield from sorted([*_merges(tokenizer), *measured], key=lambda event: event.step)


def _merges(tokenizer: Tokenizer) -> Iterator[MergeLearned]:
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
