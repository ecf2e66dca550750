"""What llama.cpp computes for each of its architectures that we know, and where a tensor of ours lies in a GGUF file.

After ggml-org/llama.cpp, src/models/*.cpp and conversion/*.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import CutawayError
from engine.model.config import ModelConfig

_PRE: dict[str, Any] = {
    "norm": "rmsnorm",
    "norm_place": "pre",
    "norm_offset": False,
    "positions": "rope",
    "activation": "swiglu",
    "qk_norm": False,
    "embedding_scaled": False,
    "attention_softcap": None,
    "logit_softcap": None,
}
_GEMMA = _PRE | {"norm_place": "sandwich", "norm_offset": True, "activation": "geglu", "embedding_scaled": True}
_SOFTCAPS = ("attention_softcap", "logit_softcap")
_NO_BIAS = {"out_bias": False, "mlp_bias": False}
# What an architecture fixes: fields of ModelConfig. What is not named here stands in the file.
SHAPES: dict[str, dict[str, Any]] = {
    "llama": _PRE,
    "qwen2": _PRE | _NO_BIAS,
    "qwen3": _PRE | _NO_BIAS | {"qk_norm": True, "qk_norm_over": "head"},
    "olmo2": _PRE | _NO_BIAS | {"qkv_bias": False, "norm_place": "post", "qk_norm": True, "qk_norm_over": "width"},
    "gemma2": {key: value for key, value in (_GEMMA | _NO_BIAS).items() if key not in _SOFTCAPS},
    "gemma3": {key: value for key, value in (_GEMMA | _NO_BIAS).items() if key != "logit_softcap"}
    | {"qk_norm": True, "qk_norm_over": "head"},
    "gpt2": _PRE
    | {"norm": "layernorm", "positions": "learned", "activation": "gelu"}
    | dict.fromkeys(("qkv_bias", "out_bias", "mlp_bias"), True),
}
WINDOWED = {"gemma2": 2, "gemma3": 6}  # every so manieth layer sees everything, unless the file says otherwise
_SQUARE = ("qwen2", "olmo2", "gpt2")
_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}


@dataclass(frozen=True)
class Part:
    """One tensor of a GGUF file. rows: of our tensor, in order; 0 for all. heads: above 0 when its rows are put in
    another order for rotary positions. query: whether it decides the size of the queries."""

    name: str
    rows: int = 0
    heads: int = 0
    query: bool = False


def architecture(config: ModelConfig) -> str:
    """llama.cpp's name of what computes the same. Raises CutawayError for what it computes in another way."""
    name = "llama" if config.family == "mistral" else config.family
    if name not in SHAPES:
        raise _impossible(f"It has no family that llama.cpp knows: {config.family}.")
    for field, wanted in SHAPES[name].items():
        found = config.has_bias(_BIASES[field]) if field in _BIASES else getattr(config, field)
        if found != wanted:
            raise _impossible(f"llama.cpp computes {name} with {field} {wanted}, and the model has {found}.")
    if name in _SQUARE and config.n_head * config.head_dim != config.d_model:
        raise _impossible(f"llama.cpp wants heads as wide as the model together for {name}.")
    if name == "gemma2" and (config.attention_softcap is None or not config.tie_embeddings):
        raise _impossible("llama.cpp computes gemma2 with capped scores and a tied head only.")
    if config.rope_scaling is not None and config.rope_scaling.kind == "llama3" and name != "llama":
        raise _impossible(f"llama.cpp stretches positions as Llama 3 does for llama only, not for {name}.")
    return name


_BIASES: dict[str, Any] = {"qkv_bias": "qkv", "out_bias": "out", "mlp_bias": "mlp"}


def _impossible(why: str) -> CutawayError:
    return CutawayError(
        "The model cannot be written as GGUF.", why, "Export to Hugging Face's format or as a bundle instead."
    )


def default_query_scale(config: ModelConfig, name: str) -> float:
    """What llama.cpp multiplies scores with. It knows the two largest Gemmas by their number of layers."""
    if config.n_layer == _GEMMA_27B_LAYERS.get(name):
        return float((config.d_model // config.n_head) ** -0.5)
    return float(config.head_dim**-0.5)


_WHOLE = {"embedding": "token_embd", "positions": "position_embd", "final_norm": "output_norm", "head": "output"}
_BLOCK = {
    "attention_norm": "attn_norm",
    "attention_post_norm": "post_attention_norm",
    "attention.out": "attn_output",
    "attention.k_norm": "attn_k_norm",
    "mlp_norm": "ffn_norm",
    "mlp_post_norm": "post_ffw_norm",
    "mlp.down": "ffn_down",
}


def parts(tensor: str, config: ModelConfig, name: str) -> list[Part]:
    """Where a tensor of ours lies. tensor: for example "blocks.3.attention.qkv.weight". name: of the architecture."""
    stem, kind = tensor.rsplit(".", 1)
    if stem in _WHOLE:
        return [Part(f"{_WHOLE[stem]}.{kind}")]
    _, layer, inner = stem.split(".", 2)
    place = f"blk.{layer}"
    if inner == "attention.q_norm":
        return [Part(f"{place}.attn_q_norm.{kind}", query=True)]
    if inner == "attention.qkv":
        return _qkv(place, kind, config, name)
    if inner == "mlp.up" and config.gated:
        return [Part(f"{place}.ffn_gate.{kind}", config.d_ff), Part(f"{place}.ffn_up.{kind}", config.d_ff)]
    return [Part(f"{place}.{'ffn_up' if inner == 'mlp.up' else _BLOCK[inner]}.{kind}")]


def _qkv(place: str, kind: str, config: ModelConfig, name: str) -> list[Part]:
    if name == "gpt2":
        return [Part(f"{place}.attn_qkv.{kind}")]
    width, turned, free = config.head_dim, name == "llama", not config.qk_norm
    queries, keys = config.n_head, config.n_kv_head
    return [
        Part(f"{place}.attn_q.{kind}", queries * width, queries if turned else 0, query=free),
        Part(f"{place}.attn_k.{kind}", keys * width, keys if turned else 0),
        Part(f"{place}.attn_v.{kind}", keys * width),
    ]
