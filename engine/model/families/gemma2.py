"""Gemma 2 (Gemma Team 2024): norms on both sides, capped scores and logits, a window in every other layer."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like
from engine.model.families._reader import Reader

MODEL_TYPES = ("gemma2",)
ARCHITECTURE = "Gemma2ForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    layers = reader.number("num_hidden_layers")
    windowed = [layer % 2 == 0 for layer in range(layers)]
    return {
        **read_gemma(reader),
        **_llama_like.read_positions(reader),
        **_llama_like.read_windows(reader, windowed, reader.take("sliding_window", 4096)),
        "attention_softcap": reader.take("attn_logit_softcapping", 50.0),
        "logit_softcap": reader.take("final_logit_softcapping", 30.0),
    }


def read_gemma(reader: Reader) -> dict[str, Any]:
    """What Gemma 2 and 3 have in common."""
    reader.demand("hidden_activation", "gelu_pytorch_tanh")
    reader.demand("hidden_act", "gelu_pytorch_tanh")
    reader.demand("use_bidirectional_attention", None, False)
    shape = _llama_like.read_shape(reader, head_width=256, tied=True)
    scalar = reader.take("query_pre_attn_scalar", 256)
    head_dim = shape["head_width"] or shape["d_model"] // shape["n_head"]
    return {
        **shape,
        **_llama_like.read_attention_bias(reader),
        "query_scale": None if scalar == head_dim else scalar**-0.5,
        "activation": "geglu",
        "norm_place": "sandwich",
        "norm_offset": True,
        "embedding_scaled": True,
    }


def write(config: ModelConfig) -> dict[str, Any]:
    caps = {
        "attn_logit_softcapping": config.attention_softcap,
        "final_logit_softcapping": config.logit_softcap,
    }
    return {**write_gemma(config), **caps}


def write_gemma(config: ModelConfig) -> dict[str, Any]:
    scalar = config.head_dim if config.query_scale is None else round(config.query_scale**-2)
    return {
        **_llama_like.write_shape(config),
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": config.has_bias("qkv"),
        "query_pre_attn_scalar": scalar,
        "sliding_window": config.window or config.context_length,
        "layer_types": _llama_like.write_layer_types(config),
    }
