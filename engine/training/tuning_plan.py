"""What fine-tuning settles before Start. Importing this file does not import torch."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.training.plan import Origin, Plan, TrainingConfig

_NEVER = 10**9
_BATCH_TOKENS = 2048
_MOST_DERIVED_CONTEXT = 1024
_RATE, _LORA_RATE = 1e-3, 3e-3  # at a width of 192, as measured there on questions about the world


def row_length(settings: dict[str, Any], model: ModelConfig) -> int:
    """Places in a row. Raises CutawayError when they are more than the model can see."""
    wanted: int = settings["context_length"] or min(model.context_length, _MOST_DERIVED_CONTEXT)
    if wanted > model.context_length:
        raise CutawayError(
            "The rows are longer than the model's view.",
            f"A row has {wanted:,} places, and the model looks back over {model.context_length:,} tokens.",
            f"Set context_length to {model.context_length:,} at most.",
        )
    return wanted


def batch_rows(settings: dict[str, Any], length: int) -> int:
    return settings["batch_rows"] or max(4, _BATCH_TOKENS // length)


def text_rows(settings: dict[str, Any], length: int, has_text: bool) -> int:
    """Of a batch, how many rows are pretraining text. At least one is left for conversations."""
    rows = batch_rows(settings, length)
    return min(round(rows * settings["pretraining_share"]), rows - 1) if has_text else 0


def make_tuning_plan(
    settings: dict[str, Any], chosen: set[str], model: ModelConfig, epoch_rows: int, has_text: bool
) -> Plan:
    """settings: the sft stage's fields. chosen: names set by hand or preset. model: the base's, with the rows of its
    special tokens. epoch_rows: rows of conversations in an epoch. has_text: whether pretraining text is at hand."""
    length = row_length(settings, model)
    derived = _derive(settings, model, length, epoch_rows, has_text)
    values = {**derived, **{name: value for name, value in settings.items() if value is not None}}
    values["micro_rows"] = min(values["micro_rows"], values["batch_rows"])
    values["warmup_steps"] = min(values["warmup_steps"], max(values["steps"] - 1, 0))
    origins: dict[str, Origin] = {
        name: "preset" if name in chosen else "derived" if name in derived and settings.get(name) is None else "default"
        for name in values
    }
    fixed = {"sample_every": _NEVER, "evaluate_rows": 1}
    try:
        training = TrainingConfig(
            **fixed, **{name: values[name] for name in TrainingConfig.model_fields if name in values}
        )
        tuned = ModelConfig(**{**model.model_dump(), "dropout": settings["dropout"]})
    except ValidationError as error:
        raise CutawayError(
            "These settings cannot be trained with.",
            f"{error.errors()[0]['msg'].removeprefix('Value error, ')}.",
            "Change the number, or leave it to be derived.",
            str(error),
        ) from error
    known = {*TrainingConfig.model_fields, "dropout", "pretraining_share", "patience", "epochs", "context_length"}
    return Plan(
        model=tuned,
        training=training,
        origins={name: origin for name, origin in origins.items() if name in known},
        row_length=length,
    )


def _derive(
    settings: dict[str, Any], model: ModelConfig, length: int, epoch_rows: int, has_text: bool
) -> dict[str, Any]:
    """The learning rate falls with the width; batches are of some 2,048 tokens; a dozen looks."""
    rows = batch_rows(settings, length)
    each = rows - text_rows(settings, length, has_text)
    steps = settings["steps"] or max(1, round(settings["epochs"] * epoch_rows / each))
    rate = (_LORA_RATE if settings["method"] == "lora" else _RATE) * 192 / max(model.d_model, 192)
    return {
        "context_length": length,
        "batch_rows": rows,
        "micro_rows": max(1, _BATCH_TOKENS // length),
        "steps": steps,
        "learning_rate": rate,
        "warmup_steps": max(1, min(steps // 20, 200)),
        "evaluate_every": max(5, math.ceil(steps / 10)),
        "checkpoint_every": max(25, math.ceil(steps / 4)),
    }
