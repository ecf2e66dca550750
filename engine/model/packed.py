"""The Transformer once more, for writing only: weights packed for one row at a time, and few operations between them.

What is computed is the same; `supports` says for which configurations. On a row of one token the plain model's small
operations take longer than reading the weights, so here there are a third as many.
"""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks.mlp import MLP
from engine.model.blocks.norm import RMSNorm
from engine.model.blocks.placement import Placement
from engine.model.config import ModelConfig
from engine.model.kv_cache import KVCache
from engine.model.lora import active_weight
from engine.model.packed_attention import PackedAttention
from engine.model.packed_matrix import PackedMatrix, Weights, build_matrix
from engine.model.packed_step import Step, Turns
from engine.model.transformer import Block, Transformer

# Every field that is computed here, or that changes nothing once a model is built.
KNOWN_FIELDS = frozenset(
    {
        *("family", "vocab_size", "context_length", "n_layer", "n_head", "n_kv_head", "d_model", "d_ff", "head_width"),
        *("norm", "norm_eps", "norm_place", "norm_offset", "qk_norm", "qk_norm_over", "activation", "dropout"),
        *("positions", "rope_theta", "rope_scaling", "rope_local_theta", "window", "windowed_layers", "query_scale"),
        *("attention_softcap", "logit_softcap", "bias", "qkv_bias", "out_bias", "mlp_bias"),
        *("tie_embeddings", "embedding_scaled"),
    }
)


def supports(config: ModelConfig) -> bool:
    """Whether all that the configuration asks for is computed here: a field that ModelConfig was given later must
    have its default."""
    fields = ModelConfig.model_fields
    return all(getattr(config, name) == fields[name].default for name in fields.keys() - KNOWN_FIELDS)


class PackedTransformer:
    """Of a model on the CPU whose weights no longer change. Shares its embeddings and packs its matrices; an adapter
    that is on is packed with them, and switching it later changes nothing here.

    weights: of the matrices; norms, attention's sums and the stream are float32 with all of them.
    A KVCache for it holds float32: on a CPU attention over bfloat16 takes three times as long. Its keys are not those
    of the plain model.
    """

    def __init__(self, model: Transformer, weights: Weights) -> None:
        config = model.config
        if not supports(config):
            raise ValueError("the packed model does not know all that this configuration asks for")
        self.config = config
        self.weights = weights
        self._embedding = active_weight(model.embedding)
        self._embedding_scale = math.sqrt(config.d_model) if config.embedding_scaled else None
        self._positions = None if model.positions is None else model.positions.weight.detach()
        self._turns = None if config.positions == "learned" else Turns(config, local=False)
        self._local_turns = None if config.rope_local_theta is None else Turns(config, local=True)
        self._blocks = [PackedBlock(cast(Block, block), weights) for block in model.blocks]
        self._final_norm = Norm(model.final_norm)
        self._head = build_matrix(active_weight(model.head), None, weights)

    def __call__(self, ids: Tensor, cache: KVCache, lengths: Tensor | None = None, every: bool = False) -> Tensor:
        """ids: [B, T] of int64, T new tokens after the cache's length -> logits of the token after the last of them,
        [B, V] in float32; with `every` after each, [B, T, V]. lengths: as in `Transformer.forward`.

        To be called in inference mode. Raises ValueError when the tokens do not fit the cache.
        """
        rows, length = ids.shape
        if lengths is not None:
            cache.padding = length - lengths
        step = self._step(Placement(cache.length, length, cache.padding, ids.device), rows, cache)
        x = self._embed(ids, step.placement)
        for block in self._blocks:
            x = block(x, step)
        cache.advance(length)
        if length > 1 and not every:
            x = x.view(rows, length, -1)[:, -1]
        logits = self._head(self._final_norm(x).to(self._head.dtype)).float()
        cap = self.config.logit_softcap
        logits = logits if cap is None else (logits / cap).tanh_().mul_(cap)
        return logits.view(rows, length, -1) if every else logits

    def _step(self, placement: Placement, rows: int, cache: KVCache) -> Step:
        step = Step(placement, rows, cache)
        step.turn = None if self._turns is None else self._turns.at(placement)
        step.local_turn = None if self._local_turns is None else self._local_turns.at(placement)
        return step

    def _embed(self, ids: Tensor, placement: Placement) -> Tensor:
        """[B * T, D] in float32"""
        x = functional.embedding(ids.reshape(-1), self._embedding).float()
        if self._embedding_scale is not None:
            x = x * self._embedding_scale
        if self._positions is not None:
            x = (x.view(*ids.shape, -1) + self._positions[placement.positions()]).flatten(0, 1)
        return x


class PackedBlock:
    def __init__(self, block: Block, weights: Weights) -> None:
        self._norms = [
            Norm(norm)
            for norm in (block.attention_norm, block.attention_post_norm, block.mlp_norm, block.mlp_post_norm)
        ]
        self._attention = PackedAttention(block.attention, weights)
        self._mlp = PackedMLP(block.mlp, weights)

    def __call__(self, x: Tensor, step: Step) -> Tensor:
        """[B * T, D] of float32 -> the same; x may be overwritten."""
        before, behind, mlp_before, mlp_behind = self._norms
        attention, mlp = self._attention, self._mlp
        x = _add(x, attention.out, attention.mix(before(x).to(attention.dtype), step), behind)
        return _add(x, mlp.down, mlp.inner(mlp_before(x).to(mlp.dtype)), mlp_behind)


def _add(x: Tensor, matrix: PackedMatrix, inner: Tensor, norm: Norm) -> Tensor:
    """x + norm(inner @ matrix), in one operation where nothing stands between."""
    if norm.kind is None:
        return matrix.plus(inner, x)
    return x.add_(norm(matrix(inner).float()))


class PackedMLP:
    def __init__(self, mlp: MLP, weights: Weights) -> None:
        self._activation = mlp.activation
        self._up = build_matrix(active_weight(mlp.up), mlp.up.bias, weights)
        self.down = build_matrix(active_weight(mlp.down), mlp.down.bias, weights)
        self.dtype = self.down.dtype

    def inner(self, h: Tensor) -> Tensor:
        """What the second matrix reads: [B * T, D] -> [B * T, F]."""
        if self._activation == "relu2":
            return self._up(h).relu_().square_()
        if self._activation == "gelu":
            return self._up(h, "gelu")
        gate, value = self._up(h).chunk(2, dim=-1)
        if self._activation == "swiglu":
            return functional.silu(gate).mul_(value)
        return functional.gelu(gate, approximate="tanh").mul_(value)


class Norm:
    """kind: None where none stands."""

    def __init__(self, norm: nn.Module) -> None:
        self.kind: Literal["rms", "layer"] | None = None
        if isinstance(norm, RMSNorm):
            self.kind, self._weight, self._bias, self._eps = "rms", norm.scale().detach(), None, norm.eps
        elif isinstance(norm, nn.LayerNorm):
            self.kind, self._weight, self._eps = "layer", norm.weight.detach(), norm.eps
            self._bias = norm.bias.detach()
        elif not isinstance(norm, nn.Identity):
            raise ValueError(f"the packed model does not know {type(norm).__name__}")

    def __call__(self, x: Tensor) -> Tensor:
        if self.kind == "rms" and len(x) == 1:  # half the time of torch's, which is six operations
            size = float(torch.dot(x[0], x[0])) / x.shape[1]
            return torch.mul(x, self._weight).mul_(1 / math.sqrt(size + self._eps))
        if self.kind == "rms":
            return functional.rms_norm(x, self._weight.shape, self._weight, self._eps)
        if self.kind == "layer":
            return functional.layer_norm(x, self._weight.shape, self._weight, self._bias, self._eps)
        return x
