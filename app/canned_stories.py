"""The runs that `app.canned` tells: how long, how far, how good, and how each of them ended."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, replace
from typing import Any

from app.canned_artifacts import TABLES
from engine.events import RunState
from engine.launch.recipe import PRESETS
from engine.model.config import ModelConfig

_FIRST_WORDS = {
    "depth": 4,
    "d_model": 192,
    "n_head": 6,
    "context_length": 128,
    "batch_tokens": 4096,
    "steps": 600,
    "learning_rate": 3e-3,
}


@dataclass(frozen=True)
class Story:
    """One recipe run. reached: optimizer steps of `steps` when it ended in `state`. loss: at `reached`.
    preparation: working seconds of the stages before pretrain. hours_ago: when it ended (or began, if it runs)."""

    name: str
    tables: dict[str, dict[str, Any]]
    model: ModelConfig
    steps: int
    reached: int
    state: RunState
    hours_ago: float
    loss: float
    tokens_per_step: int
    tokens_per_second: float
    description: str = ""
    preparation: dict[str, float] = field(default_factory=dict)
    documents: int = 1
    corpus_bytes: int = 1_115_394
    bytes_per_token: float = 3.3
    validation_gap: float = 1.06

    @property
    def tokens(self) -> int:
        """Of the whole corpus."""
        return round(self.corpus_bytes / self.bytes_per_token)

    @property
    def seconds_per_step(self) -> float:
        return self.tokens_per_step / self.tokens_per_second

    @property
    def total_seconds(self) -> float:
        return sum(self.preparation.values()) + self.reached * self.seconds_per_step

    def curve(self, step: int) -> float:
        """Mean loss in nats per token: from ln(vocab_size), falling as a power of the step, to `loss` at `reached`."""
        start = math.log(self.model.vocab_size) + 0.03
        fallen = (1 + 15 * self.reached / self.steps) ** -1.12
        floor = max((self.loss - start * fallen) / (1 - fallen), 0.05)
        return floor + (start - floor) * (1 + 15 * step / self.steps) ** -1.12


def _model(vocab_size: int, depth: int, width: int, heads: int, context: int, kv_heads: int = 0) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocab_size,
        context_length=context,
        n_layer=depth,
        n_head=heads,
        n_kv_head=kv_heads or heads,
        d_model=width,
        d_ff=4 * width,
    )


def _preset(name: str) -> dict[str, Any]:
    tables = tomllib.loads((PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
    return {key: table for key, table in tables.items() if isinstance(table, dict)}


def first_words(state: str) -> Story:
    """The run that the window is about, two minutes in."""
    story = Story(
        name="first-words",
        description="raw text to a talking model, on this computer",
        tables={**TABLES, "pretrain": _FIRST_WORDS},
        model=_model(1024, 4, 192, 6, 128),
        steps=600,
        reached=348,
        state=RunState.RUNNING,
        hours_ago=0,
        loss=0.793,
        tokens_per_step=4096,
        tokens_per_second=13_240,
        preparation={"world": 0.9, "train_tokenizer": 1.6, "tokenize": 1.3},
        documents=12_500,
        corpus_bytes=3_838_829,
        bytes_per_token=3.18,
    )
    return {
        "running": story,
        "paused": replace(story, state=RunState.PAUSED),
        "failed": replace(story, state=RunState.FAILED),
        "done": replace(story, state=RunState.DONE, reached=600, loss=0.57),
    }[state]


def finished_runs() -> list[Story]:
    """What a week of trying things leaves behind, oldest first."""
    words = replace(first_words("done"), name="first-words", hours_ago=20)
    letters = Story(
        name="shakespeare",
        description="any text file, letter by letter",
        tables=_preset("shakespeare"),
        model=_model(65, 4, 128, 4, 64),
        steps=2000,
        reached=2000,
        state=RunState.DONE,
        hours_ago=11.6,
        loss=1.72,
        tokens_per_step=768,
        tokens_per_second=4_160,
        preparation={"corpus": 0.4, "train_tokenizer": 0.3, "tokenize": 1.1},
        bytes_per_token=1.0,
        validation_gap=1.04,
    )
    pieces = {**letters.tables, "train_tokenizer": {"kind": "bpe", "vocab_size": 4096}}
    docs = replace(
        letters,
        name="docs-12m",
        description="the documentation on this computer",
        tables={**pieces, "train_tokenizer": {"kind": "bpe", "vocab_size": 16384}},
        model=_model(16384, 6, 288, 6, 256),
        steps=4000,
        reached=1842,
        state=RunState.STOPPED,
        hours_ago=61,
        loss=2.98,
        tokens_per_step=4096,
        tokens_per_second=4_775,
        documents=1_930,
        corpus_bytes=41_200_000,
        bytes_per_token=3.9,
    )
    return [
        replace(
            words,
            name="tiny-gqa",
            model=_model(1024, 4, 192, 6, 128, 2),
            reached=512,
            loss=1.02,
            state=RunState.DIED,
            hours_ago=90,
        ),
        replace(
            letters,
            name="shakespeare-4k",
            tables=pieces,
            model=_model(4096, 4, 192, 6, 128),
            loss=3.91,
            tokens_per_second=1_770,
            bytes_per_token=3.1,
            hours_ago=66,
        ),
        replace(
            letters, name="notes", description="Train on notes.txt", hours_ago=63, loss=1.49, tokens_per_second=5_210
        ),
        docs,
        words,
        replace(words, name="first-words, lr × 10", reached=61, loss=3.4, state=RunState.FAILED, hours_ago=12.3),
        letters,
    ]
