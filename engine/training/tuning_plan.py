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
_FEWEST_STEPS = 60
_SECONDS_TO_BEGIN, _SECONDS_AN_ANSWER = 5.0, 0.005  # of 2M weights on two cores, 64 answers at once
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


def batch_rows(settings: dict[str, Any], length: int, epoch_rows: int) -> int:
    """Some 2,048 tokens; of few conversations so few rows that an epoch has eight steps."""
    wanted: int = settings["batch_rows"] or min(max(4, _BATCH_TOKENS // length), max(2, epoch_rows // 8))
    return wanted


def text_rows(settings: dict[str, Any], rows: int, has_text: bool) -> int:
    """Of a batch of so many rows, how many are pretraining text. At least one is left for conversations."""
    return min(round(rows * settings["pretraining_share"]), rows - 1) if has_text else 0


def looking_seconds(settings: dict[str, Any], plan: Plan) -> float:
    """Reading the conversations, and the answers of every look: what training takes beside its steps."""
    looks = math.ceil(plan.training.steps / plan.training.evaluate_every) + 1
    answers: int = looks * settings["questions"] + settings["final_questions"]
    size = math.pow(max(1.0, plan.model.parameters() / 2e6), 0.8)  # longer, though not in proportion
    return _SECONDS_TO_BEGIN + answers * _SECONDS_AN_ANSWER * size


def make_tuning_plan(
    settings: dict[str, Any], chosen: set[str], model: ModelConfig, epoch_rows: int, has_text: bool
) -> Plan:
    """settings: the sft stage's fields. chosen: names set by hand or preset. model: the base's, with the rows of its
    special tokens. epoch_rows: rows of conversations in an epoch. has_text: whether pretraining text is at hand."""
    length = row_length(settings, model)
    derived = _derive(settings, model, length, epoch_rows, has_text, often="epochs" not in chosen)
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
    settings: dict[str, Any], model: ModelConfig, length: int, epoch_rows: int, has_text: bool, often: bool
) -> dict[str, Any]:
    """The learning rate falls with the width; a dozen looks. often: few conversations may be seen more often than
    `epochs` says, until there are steps enough to learn anything."""
    rows = batch_rows(settings, length, epoch_rows)
    each = rows - text_rows(settings, rows, has_text)
    steps = settings["steps"] or max(_FEWEST_STEPS if often else 1, round(settings["epochs"] * epoch_rows / each))
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
