"""Which known family computes the same as a model of our own, so that programs which know that family can run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import CutawayError
from engine.model.config import ModelConfig

if TYPE_CHECKING:
    from torch import Tensor

# silu(a u) * (u / b) * (b / a) = u^2 sigmoid(a u), which is relu(u)^2 but for 0.54 / a^2 just below 0. Powers of two
# change no digit of a weight; b is shared out so that no matrix leaves the range of half precision.
_STEEPNESS, _SHARE = 2.0**10, 2.0**5


@dataclass(frozen=True)
class Equivalent:
    """config: of a known family. notes: what was put in another form, a sentence each."""

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    notes: list[str] = field(default_factory=list)


def equivalent(config: ModelConfig, tensors: Mapping[str, Tensor]) -> Equivalent:
    """The same logits by a known family. tensors: our names; those that do not change are handed on as they are.

    A model of a known family stays as it is. Raises CutawayError, naming what stands in the way, when none does it.
    """
    if config.family != "cutaway":
        return Equivalent(config, tensors)
    values = _as_gpt2(config) if config.positions == "learned" else _as_llama_like(config)
    found = ModelConfig(**{**_sizes(config), **values})
    notes = [f"It computes what a {found.family} model computes, and is stored as one."]
    changed = tensors
    if found.family == "gpt2" and not config.bias:
        changed = _with_biases(changed)
        notes.append("GPT-2 has biases where this model has none: they are 0.")
    if config.activation == "relu2":
        changed = _Mapped(changed, _as_swiglu)
        notes.append("Its squared ReLU is stored as a SwiGLU that computes the same: matrices times powers of two.")
    return Equivalent(found, changed, notes)


def _sizes(config: ModelConfig) -> dict[str, Any]:
    sizes = ("vocab_size", "context_length", "n_layer", "n_head", "n_kv_head", "d_model", "d_ff", "head_width")
    others = ("norm_eps", "tie_embeddings", "rope_theta", "rope_scaling")
    return {name: getattr(config, name) for name in (*sizes, *others)}


def _as_gpt2(config: ModelConfig) -> dict[str, Any]:
    _demand(config, norm="layernorm", activation="gelu", qk_norm=False, **_PLAIN)
    if config.n_kv_head != config.n_head or config.n_head * config.head_dim != config.d_model:
        raise _none("GPT-2 has as many key and value heads as query heads, as wide as the model together.")
    _demand_biases(config, (True, True, True) if config.bias else (False, False, False))
    values = {"norm": "layernorm", "positions": "learned", "activation": "gelu", "qk_norm": False, "bias": True}
    return {"family": "gpt2", **values, "rope_theta": 10_000.0, "rope_scaling": None}


def _as_llama_like(config: ModelConfig) -> dict[str, Any]:
    _demand(config, norm="rmsnorm", **_PLAIN)
    if config.activation not in ("swiglu", "relu2"):
        raise _none(f"No family has rotary positions and {config.activation} with plain norms.")
    qkv, out, mlp = (config.has_bias(part) for part in ("qkv", "out", "mlp"))
    values: dict[str, Any] = {"activation": "swiglu", "qk_norm": config.qk_norm}
    if config.qk_norm:
        _demand(config, qk_norm_over="head")
        _demand_biases(config, (False, False, False))
        return {"family": "qwen3", **values}
    if qkv and not out and not mlp:
        return {"family": "qwen2", **values, "qkv_bias": True}
    if qkv != out:
        raise _none("No family has a bias behind attention and none before it.")
    return {"family": "llama", **values, "qkv_bias": qkv or None, "out_bias": out or None, "mlp_bias": mlp or None}


_PLAIN: dict[str, Any] = {
    "norm_place": "pre",
    "norm_offset": False,
    "window": None,
    "query_scale": None,
    "attention_softcap": None,
    "logit_softcap": None,
    "embedding_scaled": False,
}


def _demand(config: ModelConfig, **wanted: Any) -> None:
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise _none(f"With {config.positions} positions they have {name} {value}; it has {getattr(config, name)}.")


def _demand_biases(config: ModelConfig, wanted: tuple[bool, bool, bool]) -> None:
    if (config.has_bias("qkv"), config.has_bias("out"), config.has_bias("mlp")) != wanted:
        raise _none(f"{'Norms of queries and keys' if config.qk_norm else 'Learned positions'} go with other biases.")


def _none(why: str) -> CutawayError:
    return CutawayError(
        "No model family that other programs know computes the same as this model.",
        why,
        "Export it as a bundle, which keeps it as it is.",
    )


class _Mapped(Mapping[str, "Tensor"]):
    """Tensors that are changed when they are asked for, so that only one more is in memory."""

    def __init__(self, tensors: Mapping[str, Tensor], change: Callable[[str, Tensor], Tensor]) -> None:
        self._tensors = tensors
        self._change = change

    def __getitem__(self, name: str) -> Tensor:
        return self._change(name, self._tensors[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _as_swiglu(name: str, tensor: Tensor) -> Tensor:
    import torch

    if ".mlp.up." in name:
        return torch.cat([tensor * _STEEPNESS, tensor / _SHARE])
    return tensor * (_SHARE / _STEEPNESS) if name.endswith(".mlp.down.weight") else tensor


def _with_biases(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    import torch

    found = dict(tensors)
    for name in tensors:
        if name.endswith((".qkv.weight", ".out.weight", ".up.weight", ".down.weight")):
            found.setdefault(name.replace(".weight", ".bias"), torch.zeros(tensors[name].shape[0]))
    return found
