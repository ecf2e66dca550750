"""Causal self-attention with grouped key/value heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks.norm import RMSNorm
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
        self.q_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else nn.Identity()

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
        square = q.shape[2] == k.shape[2]
        if square and self._prefers_products(q):
            return self._products(q, k, v, dropout)
        if square:
            return functional.scaled_dot_product_attention(
                q, k, v, dropout_p=dropout, is_causal=True, enable_gqa=grouped
            )
        mask = None if q.shape[2] == 1 else causal_mask(q.shape[2], k.shape[2], q.device)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, enable_gqa=grouped)

    def _prefers_products(self, q: Tensor) -> bool:
        """Whether two batched products beat the fused kernel: on a CPU in bf16 its backward pass is the slow part.

        Measured on 2 cores with AVX512-BF16, forward and backward: B=32 H=6 T=128 head_dim=32 takes 5.9 ms instead
        of 34 ms. The scores are held in full, so the cap keeps them under 64 MB.
        """
        batch, heads, length, _ = q.shape
        small = batch * heads * length * length <= 2**25
        return self.training and q.device.type == "cpu" and q.dtype == torch.bfloat16 and small

    def _products(self, q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        batch, heads, length, width = q.shape
        share = heads // k.shape[1]
        if share > 1:
            k, v = k.repeat_interleave(share, dim=1), v.repeat_interleave(share, dim=1)
        q, k, v = (x.reshape(batch * heads, length, width) for x in (q, k, v))
        hidden = torch.zeros(length, length, dtype=q.dtype, device=q.device)
        hidden = hidden.masked_fill(~causal_mask(length, length, q.device), -torch.inf).expand(batch * heads, -1, -1)
        scores = torch.baddbmm(hidden, q, k.transpose(1, 2), alpha=1 / math.sqrt(width))  # [B*H, T, T]
        pattern = functional.dropout(scores.softmax(dim=-1), dropout, self.training)
        return torch.bmm(pattern, v).view(batch, heads, length, width)

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
