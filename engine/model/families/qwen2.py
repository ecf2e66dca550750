"""Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig
from engine.model.families import _llama_like
from engine.model.families._reader import Reader

MODEL_TYPES = ("qwen2",)
ARCHITECTURE = "Qwen2ForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("hidden_act", "silu", "swish")
    reader.demand("use_mrope", False)
    return {
        **_llama_like.read_shape(reader),
        **_llama_like.read_positions(reader),
        **read_windows(reader),
        "qkv_bias": True,
        "activation": "swiglu",
    }


def read_windows(reader: Reader) -> dict[str, Any]:
    """Off unless "use_sliding_window" says otherwise; then from layer "max_window_layers" on."""
    used, size = reader.take("use_sliding_window", False), reader.take("sliding_window", 4096)
    layers, first = reader.number("num_hidden_layers"), reader.take("max_window_layers", 28)
    return _llama_like.read_windows(reader, [layer >= first for layer in range(layers)], size if used else None)


def write(config: ModelConfig) -> dict[str, Any]:
    return {**_llama_like.write_shape(config), **write_windows(config), "hidden_act": "silu"}


def write_windows(config: ModelConfig) -> dict[str, Any]:
    if config.window is None:
        return {"use_sliding_window": False, "sliding_window": None, "max_window_layers": config.n_layer}
    return {
        "use_sliding_window": True,
        "sliding_window": config.window,
        "max_window_layers": 0,
        "layer_types": _llama_like.write_layer_types(config),
    }
