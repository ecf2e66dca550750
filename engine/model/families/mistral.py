"""Mistral 7B (Jiang et al. 2023): Llama with a sliding window in every layer."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like
from engine.model.families._reader import Reader

MODEL_TYPES = ("mistral",)
ARCHITECTURE = "MistralForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("hidden_act", "silu", "swish")
    return {
        **_llama_like.read_shape(reader),
        **_llama_like.read_positions(reader),
        "n_kv_head": reader.number("num_key_value_heads", 8),
        "window": reader.take("sliding_window", 4096),
        "activation": "swiglu",
    }


def write(config: ModelConfig) -> dict[str, Any]:
    return {**_llama_like.write_shape(config), "sliding_window": config.window, "hidden_act": "silu"}
