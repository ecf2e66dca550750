"""A model's configuration as GGUF's key/value pairs, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.formats.gguf_layout import SHAPES, WINDOWED, default_query_scale
from engine.model.config import ModelConfig, RopeScaling

_MOST_LAYERS = 1000  # more than any model has, so that a lie costs no memory before it is found out


def pairs_of(config: ModelConfig, name: str) -> dict[str, Any]:
    """What llama.cpp reads, without the tokenizer. name: of the architecture. Integers are unsigned, floats 32 bits.

    Where an architecture has no windows and the model has, the context ends where the window would begin to show.
    """
    found: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "context_length": context_length(config, name),
        "embedding_length": config.d_model,
        "block_count": config.n_layer,
        "feed_forward_length": config.d_ff,
        "attention.head_count": config.n_head,
        "attention.head_count_kv": config.n_kv_head,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        f"attention.{'layer_norm' if config.norm == 'layernorm' else 'layer_norm_rms'}_epsilon": config.norm_eps,
    }
    if config.positions == "rope":
        found |= {"rope.dimension_count": config.head_dim, "rope.freq_base": float(config.rope_theta)}
        found |= _scaling(config.rope_scaling)
    if name in WINDOWED:
        found |= _windows(config, name)
    if config.attention_softcap is not None:
        found["attn_logit_softcapping"] = config.attention_softcap
    if name in WINDOWED:
        found["final_logit_softcapping"] = config.logit_softcap or 0.0
    return {f"{name}.{key}": value for key, value in found.items()}


def context_length(config: ModelConfig, name: str) -> int:
    windows = [config.window_of(layer) for layer in range(config.n_layer)] if name not in WINDOWED else []
    return min([config.context_length, *(window for window in windows if window is not None)])


def _scaling(scaling: RopeScaling | None) -> dict[str, Any]:
    if scaling is None:
        return {}
    if scaling.kind == "linear":
        return {"rope.scaling.type": "linear", "rope.scaling.factor": float(scaling.factor)}
    return {"rope.scaling.original_context_length": scaling.original_context}


def _windows(config: ModelConfig, name: str) -> dict[str, Any]:
    if config.window is None:
        # llama.cpp's Gemma 2 has windows in any case: as long as the context they make no difference.
        return {"attention.sliding_window": config.context_length} if name == "gemma2" else {}
    windowed = config.windowed_layers or (True,) * config.n_layer
    found: dict[str, Any] = {"attention.sliding_window": config.window}
    if windowed != _usual(config.n_layer, WINDOWED[name]):
        found["attention.sliding_window_pattern"] = list(windowed)
    return found | {"rope.freq_base_swa": float(config.rope_local_theta or config.rope_theta)}


def _usual(layers: int, every: int) -> tuple[bool, ...]:
    return tuple(layer % every < every - 1 for layer in range(layers))


def config_of(metadata: Mapping[str, Any], tensors: Mapping[str, tuple[int, ...]]) -> tuple[str, ModelConfig]:
    """The architecture and the configuration. tensors: name in the file -> shape.

    Raises CutawayError for an architecture that is not known, and for numbers that are missing or impossible.
    """
    name = metadata.get("general.architecture")
    if name not in SHAPES:
        raise _refused(f"It is a {name} model; known are {', '.join(sorted(SHAPES))}.")
    reader = _Numbers(metadata, str(name))
    try:
        return str(name), ModelConfig(**_fields(reader, str(name), tensors))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its shape"
        raise _refused(f"{where} is impossible: {first['msg'].lower()}.") from error


def _fields(reader: _Numbers, name: str, tensors: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    heads, width = reader.integer("attention.head_count"), reader.integer("embedding_length")
    head_width = reader.integer("attention.key_length", width // max(heads, 1))
    if reader.integer("attention.value_length", head_width) != head_width:
        raise _refused("Its keys and values are of different widths.")
    if reader.integer("rope.dimension_count", head_width) != head_width:
        raise _refused("It rotates a part of each head only.")
    shape = {key: value for key, value in SHAPES[name].items() if not key.endswith("_bias")}
    eps = "layer_norm_epsilon" if shape["norm"] == "layernorm" else "layer_norm_rms_epsilon"
    found = shape | {
        "family": name,
        "vocab_size": tensors.get("token_embd.weight", (reader.integer("vocab_size", 0),))[0],
        "context_length": reader.integer("context_length"),
        "n_layer": reader.integer("block_count"),
        "n_head": heads,
        "n_kv_head": reader.integer("attention.head_count_kv", heads),
        "d_model": width,
        "d_ff": reader.integer("feed_forward_length"),
        "norm_eps": reader.number(f"attention.{eps}"),
        "head_width": None if head_width * heads == width else head_width,
        "tie_embeddings": "output.weight" not in tensors,
    }
    biases = {"qkv_bias": "attn_q", "out_bias": "attn_output", "mlp_bias": "ffn_up"}
    found |= {"bias": True} if name == "gpt2" else {f: True for f, s in biases.items() if f"blk.0.{s}.bias" in tensors}
    if shape["positions"] == "rope":
        found |= {"rope_theta": reader.number("rope.freq_base", 10_000.0), "rope_scaling": _read_scaling(reader)}
    if name in WINDOWED:
        found |= _read_gemma(reader, name, found)
    return found


def _read_scaling(reader: _Numbers) -> RopeScaling | None:
    kind = reader.metadata.get(f"{reader.name}.rope.scaling.type", "none")
    if kind == "none":
        return None
    if kind != "linear":
        raise _refused(f"It stretches positions in the way {kind}; read are linear, and Llama 3's.")
    return RopeScaling(kind="linear", factor=reader.number("rope.scaling.factor"))


def _read_gemma(reader: _Numbers, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    layers, window = found["n_layer"], reader.integer("attention.sliding_window", 4096 if name == "gemma2" else 0)
    read: dict[str, Any] = {"logit_softcap": reader.number("final_logit_softcapping", 30.0 if name == "gemma2" else 0)}
    read["logit_softcap"] = read["logit_softcap"] or None
    if name == "gemma2":
        read["attention_softcap"] = reader.number("attn_logit_softcapping", 50.0)
    if window:
        read |= {"window": window, "windowed_layers": _pattern(reader, name, layers)}
        if name == "gemma3":
            read["rope_local_theta"] = reader.number("rope.freq_base_swa", 10_000.0)
    config = ModelConfig(**{**found, **read})
    scale = default_query_scale(config, name)
    if not math.isclose(scale, config.head_dim**-0.5):
        read["query_scale"] = scale
    return read


def _pattern(reader: _Numbers, name: str, layers: int) -> tuple[bool, ...]:
    found = reader.metadata.get(f"{name}.attention.sliding_window_pattern", WINDOWED[name])
    if isinstance(found, list) and len(found) == layers and all(isinstance(item, bool) for item in found):
        return tuple(found)
    if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
        return _usual(min(layers, _MOST_LAYERS), found) if found else (True,) * min(layers, _MOST_LAYERS)
    raise _refused("It does not say plainly which of its layers have a window.")


class _Numbers:
    """Settings of one architecture."""

    def __init__(self, metadata: Mapping[str, Any], name: str) -> None:
        self.metadata = metadata
        self.name = name

    def integer(self, key: str, otherwise: int | None = None) -> int:
        value = self.metadata.get(f"{self.name}.{key}", otherwise)
        if isinstance(value, list) and value and all(item == value[0] for item in value):
            value = value[0]  # llama.cpp takes one for each layer, too
        if not isinstance(value, int) or isinstance(value, bool):
            raise _refused(f"{self.name}.{key} is {_short(value)}; it should be a whole number.")
        return value

    def number(self, key: str, otherwise: float | None = None) -> float:
        value = self.metadata.get(f"{self.name}.{key}", otherwise)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise _refused(f"{self.name}.{key} is {_short(value)}; it should be a number.")
        return float(f"{value:.7g}")  # 1e-05 as it was meant, not as 32 bits hold it


def _short(value: Any) -> str:
    return "missing" if value is None else repr(value)[:40]


def _refused(why: str) -> CutawayError:
    return CutawayError("The model in this GGUF file cannot be opened.", why, "Choose another file, or another model.")
