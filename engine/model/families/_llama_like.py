"""What all families after Llama share: names of tensors, and most of the words of their config.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.model.config import ModelConfig
from engine.model.families._reader import Reader, write_rope
from engine.model.families._rules import Rule, one

PREFIX = "model."


def read_shape(
    reader: Reader, *, head_width: int | None = None, tied: bool = False, eps: float = 1e-6
) -> dict[str, Any]:
    """Sizes, biases and ties. head_width, tied, eps: the family's defaults."""
    heads, width = reader.number("num_attention_heads"), reader.number("hidden_size")
    kv_heads = reader.take("num_key_value_heads", None)
    head_dim = reader.take("head_dim", None) or head_width
    reader.demand("pretraining_tp", 1)
    return {
        "vocab_size": reader.number("vocab_size"),
        "context_length": reader.number("max_position_embeddings"),
        "n_layer": reader.number("num_hidden_layers"),
        "n_head": heads,
        "n_kv_head": heads if kv_heads is None else kv_heads,
        "d_model": width,
        "d_ff": reader.number("intermediate_size"),
        "head_width": None if head_dim is None or head_dim * heads == width else head_dim,
        "norm_eps": reader.take("rms_norm_eps", eps),
        "tie_embeddings": reader.take("tie_word_embeddings", tied),
        "qk_norm": False,
    }


def read_attention_bias(reader: Reader) -> dict[str, Any]:
    biased = reader.take("attention_bias", False) or None
    return {"qkv_bias": biased, "out_bias": biased}


def read_positions(reader: Reader) -> dict[str, Any]:
    theta, scaling = reader.rope()
    return {"rope_theta": theta, "rope_scaling": scaling}


def read_windows(reader: Reader, windowed: list[bool], size: int | None) -> dict[str, Any]:
    """windowed: which layers have one where config.json does not list them under "layer_types"."""
    kinds = reader.take("layer_types", None)
    if kinds is not None:
        known = {"sliding_attention": True, "full_attention": False}
        if not isinstance(kinds, list) or not all(kind in known for kind in kinds):
            reader.demand("layer_types", list(known))
        windowed = [known[kind] for kind in kinds]
    if size is None or not any(windowed):
        return {}
    return {"window": size, "windowed_layers": None if all(windowed) else tuple(windowed)}


def write_shape(config: ModelConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tie_embeddings,
        "rope_theta": config.rope_theta,
        "rope_scaling": write_rope(config.rope_scaling),
        "use_cache": True,
    }


def write_layer_types(config: ModelConfig) -> list[str]:
    windowed = config.windowed_layers or (config.window is not None,) * config.n_layer
    return ["sliding_attention" if own else "full_attention" for own in windowed]


def rules(config: ModelConfig) -> Iterator[Rule]:
    d = config.d_model
    yield one("embedding.weight", "model.embed_tokens.weight", config.vocab_size, d)
    for layer in range(config.n_layer):
        yield from _block(config, f"blocks.{layer}", f"model.layers.{layer}")
    yield one("final_norm.weight", "model.norm.weight", d)
    if not config.tie_embeddings:
        yield one("head.weight", "lm_head.weight", config.vocab_size, d)


def _block(config: ModelConfig, ours: str, theirs: str) -> Iterator[Rule]:
    d, inner = config.d_model, config.d_ff
    q, kv = config.n_head * config.head_dim, config.n_kv_head * config.head_dim
    attention, mlp = f"{theirs}.self_attn", f"{theirs}.mlp"
    for kind in ("weight", "bias"):
        more = (d,) if kind == "weight" else ()
        if kind == "weight" or config.has_bias("qkv"):
            heads = (("q_proj", q), ("k_proj", kv), ("v_proj", kv))
            yield _joined(f"{ours}.attention.qkv.{kind}", attention, heads, kind, more)
        if kind == "weight" or config.has_bias("out"):
            yield one(f"{ours}.attention.out.{kind}", f"{attention}.o_proj.{kind}", d, *((q,) if more else ()))
        if kind == "weight" or config.has_bias("mlp"):
            yield _joined(f"{ours}.mlp.up.{kind}", mlp, (("gate_proj", inner), ("up_proj", inner)), kind, more)
            yield one(f"{ours}.mlp.down.{kind}", f"{mlp}.down_proj.{kind}", d, *((inner,) if more else ()))
    if config.qk_norm:
        widths = (q, kv) if config.qk_norm_over == "width" else (config.head_dim,) * 2
        yield one(f"{ours}.attention.q_norm.weight", f"{attention}.q_norm.weight", widths[0])
        yield one(f"{ours}.attention.k_norm.weight", f"{attention}.k_norm.weight", widths[1])
    for our_norm, their_norm in _norms(config):
        yield one(f"{ours}.{our_norm}.weight", f"{theirs}.{their_norm}.weight", d)


def _joined(ours: str, theirs: str, parts: tuple[tuple[str, int], ...], kind: str, more: tuple[int, ...]) -> Rule:
    return Rule(ours, tuple((f"{theirs}.{part}.{kind}", (rows, *more)) for part, rows in parts))


def _norms(config: ModelConfig) -> list[tuple[str, str]]:
    if config.norm_place == "pre":
        return [("attention_norm", "input_layernorm"), ("mlp_norm", "post_attention_layernorm")]
    behind = [("attention_post_norm", "post_attention_layernorm"), ("mlp_post_norm", "post_feedforward_layernorm")]
    if config.norm_place == "post":
        return behind
    return [("attention_norm", "input_layernorm"), ("mlp_norm", "pre_feedforward_layernorm"), *behind]
