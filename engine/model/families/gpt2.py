"""GPT-2 (Radford et al. 2019): learned positions, LayerNorm, biases everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.model.config import ModelConfig
from engine.model.families._reader import Reader
from engine.model.families._rules import Rule, one

MODEL_TYPES = ("gpt2",)
ARCHITECTURE = "GPT2LMHeadModel"
PREFIX = "transformer."


def read(reader: Reader) -> dict[str, Any]:
    reader.demand("activation_function", "gelu_new", "gelu_pytorch_tanh")
    reader.demand("scale_attn_weights", True)
    reader.demand("scale_attn_by_inverse_layer_idx", False)
    width, heads = reader.number("n_embd"), reader.number("n_head")
    return {
        "vocab_size": reader.number("vocab_size"),
        "context_length": reader.number("n_positions"),
        "n_layer": reader.number("n_layer"),
        "n_head": heads,
        "n_kv_head": heads,
        "d_model": width,
        "d_ff": reader.take("n_inner", None) or 4 * width,
        "norm": "layernorm",
        "norm_eps": reader.take("layer_norm_epsilon", 1e-5),
        "positions": "learned",
        "activation": "gelu",
        "qk_norm": False,
        "bias": True,
        "tie_embeddings": reader.take("tie_word_embeddings", True),
    }


def write(config: ModelConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.d_model,
        "n_inner": config.d_ff,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": "gelu_new",
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "tie_word_embeddings": config.tie_embeddings,
        "use_cache": True,
    }


def rules(config: ModelConfig) -> Iterator[Rule]:
    d, inner = config.d_model, config.d_ff
    yield one("embedding.weight", "transformer.wte.weight", config.vocab_size, d)
    yield one("positions.weight", "transformer.wpe.weight", config.context_length, d)
    for layer in range(config.n_layer):
        ours, theirs = f"blocks.{layer}", f"transformer.h.{layer}"
        matrices = (
            ("attention.qkv", "attn.c_attn", d, 3 * d),
            ("attention.out", "attn.c_proj", d, d),
            ("mlp.up", "mlp.c_fc", d, inner),
            ("mlp.down", "mlp.c_proj", inner, d),
        )
        for our_name, their_name, wide, high in matrices:
            yield Rule(f"{ours}.{our_name}.weight", ((f"{theirs}.{their_name}.weight", (wide, high)),), transposed=True)
            yield one(f"{ours}.{our_name}.bias", f"{theirs}.{their_name}.bias", high)
        yield from _norm(f"{ours}.attention_norm", f"{theirs}.ln_1", d)
        yield from _norm(f"{ours}.mlp_norm", f"{theirs}.ln_2", d)
    yield from _norm("final_norm", "transformer.ln_f", d)
    if not config.tie_embeddings:
        yield one("head.weight", "lm_head.weight", config.vocab_size, d)


def _norm(ours: str, theirs: str, width: int) -> Iterator[Rule]:
    for kind in ("weight", "bias"):
        yield one(f"{ours}.{kind}", f"{theirs}.{kind}", width)
