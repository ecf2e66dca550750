"""Causal self-attention with grouped key/value heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model import kernels
from engine.model.blocks.norm import RMSNorm
from engine.model.blocks.placement import Placement, Rotary
from engine.model.blocks.rotary import rotate
from engine.model.config import ModelConfig
from engine.model.hooks import Hooks
from engine.model.kernels_attention import causal_products
from engine.model.kv_cache import KVCache


class Attention(nn.Module):
    """Vaswani et al. 2017; grouped queries after Ainslie et al. 2023; QK norm after Henry et al. 2020; windows after
    Beltagy et al. 2020."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.config = config
        self.layer = layer
        self.window = config.window_of(layer)
        self.scale = config.query_scale or 1 / math.sqrt(config.head_dim)
        self.widths = [heads * config.head_dim for heads in (config.n_head, config.n_kv_head, config.n_kv_head)]
        self.qkv = nn.Linear(config.d_model, sum(self.widths), bias=config.has_bias("qkv"))
        self.out = nn.Linear(self.widths[0], config.d_model, bias=config.has_bias("out"))
        self.q_norm, self.k_norm = (self._build_norm(width) for width in self.widths[:2])

    def _build_norm(self, width: int) -> nn.Module:
        config = self.config
        if not config.qk_norm:
            return nn.Identity()
        over = width if config.qk_norm_over == "width" else config.head_dim
        return RMSNorm(over, config.norm_eps, config.norm_offset)

    def forward(self, x: Tensor, placement: Placement, cache: KVCache | None, hooks: Hooks) -> Tensor:
        """x: [B, T, D] -> [B, T, D]."""
        rotary = placement.local_rotary if self.config.uses_local_rope(self.layer) else placement.rotary
        q, k, v = self.qkv(x).split(self.widths, dim=-1)
        if self.config.qk_norm_over == "width":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (part.unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2) for part in (q, k, v))
        q, k = self._turn(q, self.q_norm, rotary), self._turn(k, self.k_norm, rotary)  # [B, H or K, T, head_dim]
        if cache is not None:
            k, v = cache.extend(self.layer, k.to(cache.keys.dtype), v.to(cache.values.dtype))
            q = q.to(cache.keys.dtype)
        v = v.to(q.dtype)
        if self.config.attention_softcap is not None or hooks.wants(f"block.{self.layer}.attention.pattern"):
            y = self._explicit(q, k, v, placement, hooks)
        else:
            y = self._fused(q, k, v, placement)
        return self.out(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _turn(self, x: Tensor, norm: nn.Module, rotary: Rotary | None) -> Tensor:
        """Norm of each head and rotation; while training on a CPU in few passes."""
        each = isinstance(norm, RMSNorm) and self.config.qk_norm_over == "head"
        if self.training and kernels.fits(x):
            scale = norm.scale() if isinstance(norm, RMSNorm) and each else None
            return kernels.norm_and_rotate(x, scale, rotary, self.config.norm_eps)
        x = norm(x) if each else x
        return x if rotary is None else rotate(x, *rotary)

    def _fused(self, q: Tensor, k: Tensor, v: Tensor, placement: Placement) -> Tensor:
        dropout = self.config.dropout if self.training else 0.0
        masked = placement.needs_mask(self.window)
        begins = placement.first_keys(self.window)
        if self._prefers_products(q) and (begins is not None or not masked):
            return self._products(q, k, v, begins)
        first = placement.first_key(self.window)
        return functional.scaled_dot_product_attention(
            q,
            k[:, :, first:],
            v[:, :, first:],
            attn_mask=placement.mask(self.window, first) if masked else None,
            dropout_p=dropout,
            is_causal=not masked and placement.length > 1,
            scale=self.scale,
            enable_gqa=self.config.n_head != self.config.n_kv_head,
        )

    def _prefers_products(self, q: Tensor) -> bool:
        """Whether batched products beat the fused kernel: in training on a CPU its backward pass is the slow part."""
        return self.training and kernels.fits(q) and not self.config.dropout

    def _products(self, q: Tensor, k: Tensor, v: Tensor, begins: Tensor | None) -> Tensor:
        k, v = self._for_every_head(k), self._for_every_head(v)
        rows = causal_products(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), self.scale, begins)
        return rows.view(q.shape)

    def _for_every_head(self, x: Tensor) -> Tensor:
        share = self.config.n_head // self.config.n_kv_head
        return x.repeat_interleave(share, dim=1) if share > 1 else x

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, placement: Placement, hooks: Hooks) -> Tensor:
        """The same in plain operations, so that the weights exist and can be seen, and scores can be capped."""
        k, v, cap = self._for_every_head(k), self._for_every_head(v), self.config.attention_softcap
        scores = (q @ k.transpose(-2, -1)).float() * self.scale  # [B, H, T, S]
        if cap is not None:
            scores = cap * (scores / cap).tanh()
        scores = scores.masked_fill(~placement.mask(self.window), -torch.inf)
        pattern = hooks(f"block.{self.layer}.attention.pattern", scores.softmax(dim=-1))
        if self.training and self.config.dropout:
            pattern = functional.dropout(pattern, self.config.dropout)
        return pattern.to(v.dtype) @ v
