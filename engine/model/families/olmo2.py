"""OLMo 2 (Walsh et al. 2024): norms behind attention and MLP, and over the whole width of queries and keys."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like
from engine.model.families._reader import Reader

MODEL_TYPES = ("olmo2",)
ARCHITECTURE = "Olmo2ForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("hidden_act", "silu", "swish")
    return {
        **_llama_like.read_shape(reader, eps=1e-5),
        **_llama_like.read_positions(reader),
        **_llama_like.read_attention_bias(reader),
        "norm_place": "post",
        "qk_norm": True,
        "qk_norm_over": "width",
        "activation": "swiglu",
    }


def write(config: ModelConfig) -> dict[str, Any]:
    bias = {"attention_bias": config.has_bias("qkv")}
    shape = _llama_like.write_shape(config)
    del shape["head_dim"]  # transformers computes it, and knows no such key
    return {**shape, **bias, "hidden_act": "silu"}
