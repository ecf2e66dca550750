"""Qwen3 (Yang et al. 2025): RMSNorm on every head's queries and keys instead of biases."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like, qwen2
from engine.model.families._reader import Reader

MODEL_TYPES = ("qwen3",)
ARCHITECTURE = "Qwen3ForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("hidden_act", "silu", "swish")
    return {
        **_llama_like.read_shape(reader, head_width=128),
        **_llama_like.read_positions(reader),
        **_llama_like.read_attention_bias(reader),
        **qwen2.read_windows(reader),
        "qk_norm": True,
        "activation": "swiglu",
    }


def write(config: ModelConfig) -> dict[str, Any]:
    return {
        **_llama_like.write_shape(config),
        **qwen2.write_windows(config),
        "attention_bias": config.has_bias("qkv"),
        "hidden_act": "silu",
    }
