"""Gemma 3 for text (Gemma Team 2025): Gemma 2 with normed queries and keys instead of caps, and two rotary bases."""

from __future__ import annotations

from typing import Any

from engine.model.config import ModelConfig, RopeScaling
from engine.model.families import _llama_like, gemma2
from engine.model.families._reader import Reader, read_rope, refusal

MODEL_TYPES = ("gemma3_text",)
ARCHITECTURE = "Gemma3ForCausalLM"
PREFIX = _llama_like.PREFIX
rules = _llama_like.rules


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("attn_logit_softcapping", None)
    reader.demand("final_logit_softcapping", None)
    layers, every = reader.number("num_hidden_layers"), reader.number("sliding_window_pattern", 6)
    reader.take("_sliding_window_pattern", None)
    windowed = [(layer + 1) % every != 0 for layer in range(layers)]
    windows = _llama_like.read_windows(reader, windowed, reader.number("sliding_window", 4096))
    theta, local, scaling = _read_bases(reader)
    return {
        **gemma2.read_gemma(reader),
        **windows,
        "rope_theta": theta,
        "rope_scaling": scaling,
        "rope_local_theta": local if windows else None,
        "qk_norm": True,
    }


def _read_bases(reader: Reader) -> tuple[float, float, RopeScaling | None]:
    """Base of the layers that see everything, base of those with a window, and the former's scaling."""
    theta, local = reader.take("rope_theta", 1_000_000.0), reader.take("rope_local_base_freq", 10_000.0)
    scaling, by_kind = reader.take("rope_scaling", None), reader.take("rope_parameters", None)
    if by_kind is None:
        theta, scaling = read_rope(scaling, theta)
        return theta, float(local), scaling
    theta, scaling = read_rope(by_kind.get("full_attention"), theta)
    local, near = read_rope(by_kind.get("sliding_attention"), local)
    if near is not None:
        raise refusal("the positions of its layers with a window are scaled, which Cutaway does not compute")
    return theta, local, scaling


def write(config: ModelConfig) -> dict[str, Any]:
    return {**gemma2.write_gemma(config), "rope_local_base_freq": config.rope_local_theta or 10_000.0}
