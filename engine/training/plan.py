"""From one dial to every number of a training run. Importing this file does not import torch."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig
from engine.model.sizing import Estimate, activation_bytes, estimate

Origin = Literal["preset", "derived", "default"]


class TrainingConfig(BaseModel):
    """Every number of a training run, settled.

    batch_tokens: tokens of one optimizer step; micro_rows: rows of `context_length` in one forward pass.
    schedule: "cosine" (Loshchilov and Hutter 2017), "linear" (Defazio et al. 2023), "wsd", warmup-stable-decay (Hu
    et al. 2024), or "constant".
    optimizer: "adamw", or "muon" for the matrices of the blocks beside AdamW for the rest. momentum: Muon's.
    compile: whether torch.compile makes the forward and backward pass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    batch_rows: int
    micro_rows: int
    learning_rate: float
    final_learning_rate_share: float
    warmup_steps: int
    schedule: Literal["cosine", "linear", "wsd", "constant"]
    decay_share: float
    weight_decay: float
    beta1: float
    beta2: float
    clip: float
    evaluate_every: int
    evaluate_rows: int
    sample_every: int
    checkpoint_every: int
    keep_checkpoints: int
    optimizer: Literal["adamw", "muon"] = "adamw"
    momentum: float = 0.95
    compile: bool = False

    @property
    def micro_batches(self) -> int:
        return math.ceil(self.batch_rows / self.micro_rows)


class Plan(BaseModel):
    """origins: for every value of both tables, whether it was set by hand or preset, derived, or is the default.
    row_length: places of a row where they are not the model's whole context; 0 where they are."""

    model_config = ConfigDict(frozen=True)

    model: ModelConfig
    training: TrainingConfig
    origins: dict[str, Origin]
    row_length: int = 0

    @property
    def row_tokens(self) -> int:
        return self.row_length or self.model.context_length

    @property
    def batch_tokens(self) -> int:
        return self.training.batch_rows * self.row_tokens

    @property
    def tokens(self) -> int:
        return self.training.steps * self.batch_tokens

    def expected(self, flops_per_second: float, lora: LoraConfig | None = None, new_rows: int = 0) -> Estimate:
        """What it will cost at the speed that training reaches on this machine. lora, new_rows: where an adapter and
        the rows of new tokens learn alone."""
        return estimate(
            self.model,
            tokens=self.tokens,
            micro_tokens=self.training.micro_rows * self.row_tokens,
            flops_per_second=flops_per_second,
            checkpoints_kept=self.training.keep_checkpoints,
            lora=lora,
            new_rows=new_rows,
        )

    def for_memory(self, free_bytes: float) -> Plan:
        """The same with the most rows at a time that half of this memory holds the activations of: a power of two of
        them, up to 65,536 tokens, beyond which a GPU is no faster. The batch stays."""
        context = self.model.context_length
        fitting = free_bytes / 2 / (activation_bytes(self.model, context) * context)
        most = min(fitting, 65_536 / context, self.training.batch_rows)
        rows = 2 ** math.floor(math.log2(most)) if most >= 1 else 1
        return self.model_copy(update={"training": self.training.model_copy(update={"micro_rows": rows})})


def make_plan(settings: dict[str, Any], chosen: set[str], vocab_size: int) -> Plan:
    """settings: the pretrain stage's fields, None where a value is to be derived. chosen: names set by hand or
    preset. Raises CutawayError when the values contradict each other."""
    derived = _derive(settings, vocab_size)
    values = {name: value for name, value in settings.items() if value is not None}
    origins: dict[str, Origin] = {name: "preset" if name in chosen else "default" for name in values}
    for name, value in derived.items():
        if name not in values:
            values[name], origins[name] = value, "derived"
    values["batch_rows"] = max(1, round(values["batch_tokens"] / values["context_length"]))
    values["micro_rows"] = min(values["micro_rows"], values["batch_rows"])
    values["warmup_steps"] = min(values["warmup_steps"], max(values["steps"] - 1, 0))
    origins["batch_rows"] = origins["batch_tokens"]
    try:
        model = ModelConfig(**{name: values[name] for name in ModelConfig.model_fields if name in values})
        training = TrainingConfig(**{name: values[name] for name in TrainingConfig.model_fields if name in values})
    except ValidationError as error:
        raise CutawayError(
            "These settings make no model.",
            f"{error.errors()[0]['msg'].removeprefix('Value error, ')}.",
            "Change one of the two numbers, or leave one to be derived.",
            str(error),
        ) from error
    known = {*ModelConfig.model_fields, *TrainingConfig.model_fields}
    return Plan(model=model, training=training, origins={k: v for k, v in origins.items() if k in known})


def _derive(settings: dict[str, Any], vocab_size: int) -> dict[str, Any]:
    """The dial's rules. Width 64 a layer and heads of 64 (GPT-2 small at depth 12); the learning rate falls with
    the width (Yang et al. 2022) from GPT-2's 6e-4 at 768; the batch doubles about every layer up to GPT-2's half
    a million tokens; the horizon is 20 tokens a weight (Hoffmann et al. 2022)."""
    depth = settings["depth"]
    width = settings["d_model"] or 64 * depth
    layers = settings["n_layer"] or depth
    heads = settings["n_head"] or max(1, width // 64)
    context = settings["context_length"] or (128 if depth <= 4 else 256 if depth <= 8 else 1024)
    inner = 64 * math.ceil(width * 8 / 3 / 64) if settings["activation"] == "swiglu" else 4 * width
    batch = settings["batch_tokens"] or min(max(4096 * 2 ** round((depth - 4) * 7 / 8), 2048), 2**20)
    matrices = 3 if settings["activation"] == "swiglu" else 2
    d_ff = settings["d_ff"] or inner
    weights = layers * (4 * width * width + matrices * width * d_ff) + vocab_size * width
    steps = settings["steps"] or max(100, round(20 * weights / batch))
    return {
        "vocab_size": vocab_size,
        "n_layer": layers,
        "d_model": width,
        "n_head": heads,
        "n_kv_head": heads,
        "d_ff": d_ff,
        "context_length": context,
        "batch_tokens": batch,
        "micro_rows": max(1, 2048 // context),
        "steps": steps,
        "learning_rate": min(6e-4 * 768 / width, 3e-3),
        "warmup_steps": max(10, min(steps // 20, 1000)),
        "evaluate_every": max(10, steps // 12),
        "evaluate_rows": max(8, 16_384 // context),
        "sample_every": max(10, steps // 12),
        "checkpoint_every": max(25, steps // 6),
    }
