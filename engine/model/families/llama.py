"""Llama 2 and 3 (Touvron et al. 2023, Grattafiori et al. 2024); SmolLM and many others have its shape."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like
from engine.model.families._reader import Reader

MODEL_TYPES = ("llama",)
ARCHITECTURE = "LlamaForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("hidden_act", "silu", "swish")
    reader.demand("is_llama_config", True)  # SmolLM says so
    reader.demand("rope_interleaved", False)
    return {
        **_llama_like.read_shape(reader),
        **_llama_like.read_positions(reader),
        **_llama_like.read_attention_bias(reader),
        "mlp_bias": reader.take("mlp_bias", False) or None,
        "activation": "swiglu",
    }


def write(config: ModelConfig) -> dict[str, Any]:
    biases = {"attention_bias": config.has_bias("qkv"), "mlp_bias": config.has_bias("mlp")}
    return {**_llama_like.write_shape(config), **biases, "hidden_act": "silu"}
