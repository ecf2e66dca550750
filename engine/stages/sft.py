"""Supervised fine-tuning: a model that continues text learns to answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from engine.events import Event
from engine.pipeline.stage import Context, StageConfig, dial

TITLE = "Fine-tune"
OUTPUT = "model"
Part = Literal["query", "key", "value", "out", "up", "gate", "down"]
PARTS: tuple[Part, ...] = ("query", "key", "value", "out", "up", "gate", "down")


class Config(StageConfig):
    """What is left open follows from the model and from how many conversations there are."""

    base: str = dial("", "The model to begin with: a run, a checkpoint or an opened model; empty: the one made before.")

    method: Literal["full", "lora"] = dial("full", "Move every weight, or learn a small addition beside them.")
    rank: int = dial(32, "Width of the addition: how many directions a matrix may be moved in.", ge=1, le=1024)
    alpha: float = dial(16.0, "Weight of the addition; it counts alpha / rank.", gt=0, le=4096)
    lora_parts: tuple[Part, ...] = dial(PARTS, "Which matrices of a block receive an addition.", min_length=1)
    lora_first_layer: int = dial(0, "The first block that receives one.", unit="layers", ge=0)
    lora_last_layer: int | None = dial(None, "The last block that receives one; empty: the last.", unit="layers", ge=0)
    lora_dropout: float = dial(0.0, "Share of an addition's input dropped while training.", ge=0, lt=1)

    context_length: int | None = dial(None, "Places in a row of conversations.", unit="tokens", ge=4, le=131_072)
    too_long: Literal["truncate", "drop"] = dial(
        "truncate", "A conversation longer than a row loses its end, or is left out."
    )
    packing: bool = dial(True, "Several conversations in a row; none looks into another.")

    epochs: float = dial(
        4.0,
        "How often each conversation is seen; few are seen more often, up to 60 steps, unless this is set.",
        unit="epochs",
        gt=0,
        le=1000,
    )
    steps: int | None = dial(None, "Updates of the weights, instead of epochs.", unit="steps", ge=1, le=100_000_000)
    batch_rows: int | None = dial(None, "Rows that one update averages over.", unit="rows", ge=1, le=65_536)
    micro_rows: int | None = dial(None, "Rows in one forward pass; more need more memory.", unit="rows", ge=1)
    learning_rate: float | None = dial(None, "Size of an update at its peak.", gt=0, le=1)
    final_learning_rate_share: float = dial(0.0, "What is left of it at the end.", ge=0, le=1)
    warmup_steps: int | None = dial(None, "Updates until the peak is reached.", unit="steps", ge=0)
    schedule: Literal["cosine", "linear", "wsd", "constant"] = dial(
        "linear", "How the learning rate falls after the warmup."
    )
    decay_share: float = dial(0.2, "Share of the steps in which wsd falls.", gt=0, le=1)
    optimizer: Literal["adamw", "muon"] = dial("adamw", "What turns gradients into updates; muon is for matrices.")
    momentum: float = dial(0.95, "Memory of Muon for the direction.", ge=0, lt=1)
    beta1: float = dial(0.9, "Memory of AdamW for the direction.", ge=0, lt=1)
    beta2: float = dial(0.99, "Memory of AdamW for the size.", ge=0, lt=1)
    clip: float = dial(1.0, "Longest gradient that is let through.", gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = dial("auto", "auto takes what measures faster here.")

    pretraining_share: float = dial(
        0.25, "Share of a batch's rows that are text of pretraining: against forgetting.", ge=0, le=0.9
    )
    dropout: float = dial(0.0, "Share of activations dropped while training: against learning by heart.", ge=0, lt=1)
    weight_decay: float = dial(0.01, "Pull of every matrix towards zero: against learning by heart.", ge=0, le=10)
    patience: int = dial(3, "Looks without a better held-out loss after which it ends; 0: never early.", ge=0, le=1000)

    evaluate_every: int | None = dial(None, "Steps between two looks at held-out conversations.", unit="steps", ge=1)
    questions: int = dial(
        200, "Held-out questions that are answered at every look.", unit="questions", ge=0, le=100_000
    )
    final_questions: int = dial(
        2000, "Held-out questions that are answered at the end.", unit="questions", ge=0, le=1_000_000
    )
    shown_questions: int = dial(8, "Of these, how many are shown side by side.", unit="questions", ge=0, le=100)
    answer_tokens: int = dial(48, "Length at which an answer is cut off.", unit="tokens", ge=1, le=4096)
    checkpoint_every: int | None = dial(None, "Steps between two checkpoints.", unit="steps", ge=1)
    keep_checkpoints: int = dial(3, "Checkpoints that are kept, the newest; the best one stays.", ge=2, le=1000)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Goes on from the newest checkpoint of this run folder that verifies, if there is one."""
    from engine.stages._finetuning import FineTuning

    yield from FineTuning(config, context).run()
