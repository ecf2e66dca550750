"""Causal self-attention with grouped key/value heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks.rotary import rotate
from engine.model.config import ModelConfig
from engine.model.hooks import Hooks
from engine.model.kv_cache import KVCache


class Attention(nn.Module):
    """Vaswani et al. 2017; grouped queries after Ainslie et al. 2023; QK norm after Henry et al. 2020."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.config = config
        self.layer = layer
        kv_width = config.n_kv_head * config.head_dim
        self.qkv = nn.Linear(config.d_model, config.n_head * config.head_dim + 2 * kv_width, bias=config.bias)
        self.out = nn.Linear(config.n_head * config.head_dim, config.d_model, bias=config.bias)
        self.q_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps) if config.qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps) if config.qk_norm else nn.Identity()

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None, cache: KVCache | None, hooks: Hooks) -> Tensor:
        """x: [B, T, D] -> [B, T, D]. rotary: cos and sin [T, head_dim] of the positions of x."""
        config, (batch, length, _) = self.config, x.shape
        sizes = (config.n_head, config.n_kv_head, config.n_kv_head)
        q, k, v = (
            part.view(batch, length, heads, config.head_dim).transpose(1, 2)  # [B, H or K, T, head_dim]
            for part, heads in zip(
                self.qkv(x).split([heads * config.head_dim for heads in sizes], dim=-1), sizes, strict=True
            )
        )
        q, k = self.q_norm(q), self.k_norm(k)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        if cache is not None:
            k, v = cache.extend(self.layer, k.to(cache.keys.dtype), v.to(cache.values.dtype))
            q = q.to(cache.keys.dtype)
        v = v.to(q.dtype)
        if hooks.wants(f"block.{self.layer}.attention.pattern"):
            y = self._explicit(q, k, v, hooks)
        else:
            y = self._fused(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, length, -1))  # type: ignore[no-any-return]

    def _fused(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        dropout = self.config.dropout if self.training else 0.0
        grouped = self.config.n_head != self.config.n_kv_head
        if q.shape[2] == k.shape[2]:
            return functional.scaled_dot_product_attention(
                q, k, v, dropout_p=dropout, is_causal=True, enable_gqa=grouped
            )
        mask = None if q.shape[2] == 1 else causal_mask(q.shape[2], k.shape[2], q.device)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, enable_gqa=grouped)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, hooks: Hooks) -> Tensor:
        """The same in plain operations, so that the weights exist and can be seen."""
        share = self.config.n_head // self.config.n_kv_head
        k, v = k.repeat_interleave(share, dim=1), v.repeat_interleave(share, dim=1)
        scores = (q @ k.transpose(-2, -1)).float() / math.sqrt(self.config.head_dim)  # [B, H, T, S]
        scores = scores.masked_fill(~causal_mask(q.shape[2], k.shape[2], q.device), -torch.inf)
        pattern = hooks(f"block.{self.layer}.attention.pattern", scores.softmax(dim=-1))
        if self.training and self.config.dropout:
            pattern = functional.dropout(pattern, self.config.dropout)
        return pattern.to(v.dtype) @ v


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """[T, S] of bool, True where a query may look: the last query sees every key."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(diagonal=keys - queries)
