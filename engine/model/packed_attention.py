"""Attention of the packed model: grouped queries without copies, heads laid out so that one product rotates them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.model.blocks.attention import Attention
from engine.model.blocks.norm import RMSNorm
from engine.model.lora import active_weight
from engine.model.packed_columns import attend
from engine.model.packed_matrix import Weights, build_matrix
from engine.model.packed_step import Step


class PackedAttention:
    """With rotary positions the components of every query and key head stand as 0, half, 1, half + 1, ...: their
    products are the same in any order. out: the matrix behind it. dtype: of what it reads and writes."""

    def __init__(self, attention: Attention, weights: Weights) -> None:
        config = attention.config
        self._layer = attention.layer
        self._heads, self._kv_heads, self._width = config.n_head, config.n_kv_head, config.head_dim
        self._share = config.n_head // config.n_kv_head
        self._scale = config.query_scale or 1 / math.sqrt(config.head_dim)
        self._cap = config.attention_softcap
        self._window = config.window_of(self._layer)
        self._local = config.uses_local_rope(self._layer)
        self._eps = config.norm_eps
        self._rotates = config.positions == "rope"
        weight, bias = active_weight(attention.qkv), attention.qkv.bias
        self._qkv = build_matrix(self._paired(weight), None if bias is None else self._paired(bias.detach()), weights)
        self.out = build_matrix(active_weight(attention.out), attention.out.bias, weights)
        self.dtype = self.out.dtype
        self._over_width = config.qk_norm_over == "width"
        self._norms: tuple[Tensor, Tensor] | None = None
        if isinstance(attention.q_norm, RMSNorm) and isinstance(attention.k_norm, RMSNorm):
            self._norms = self._scales(attention.q_norm, self._heads), self._scales(attention.k_norm, self._kv_heads)
            self._both = torch.cat(self._norms).view(-1, self._width)  # [H + K, head_dim]

    def mix(self, h: Tensor, step: Step) -> Tensor:
        """What the output matrix reads: [B * T, D] -> [B * T, H * head_dim]."""
        heads = self._qkv(h).float().view(step.rows, step.length, -1, self._width)  # [B, T, H + 2 K, head_dim]
        turning = self._heads + self._kv_heads
        qk = heads.narrow(2, 0, turning)
        if self._norms is not None:
            qk = self._normalised(qk, *self._norms)
        turn = step.local_turn if self._local else step.turn
        if turn is not None:
            torch.view_as_complex(qk.view(*qk.shape[:3], -1, 2)).mul_(turn)
        step.key_slots[self._layer].copy_(qk.narrow(2, self._heads, self._kv_heads).transpose(1, 2))
        step.value_slots[self._layer].copy_(heads.narrow(2, turning, self._kv_heads).transpose(1, 2))
        mixed = self._attend(self._grouped(qk.narrow(2, 0, self._heads)), step)  # [B, K, share * T, head_dim]
        if step.length > 1:
            mixed = mixed.view(step.rows, self._heads, step.length, self._width).transpose(1, 2)
        return mixed.reshape(len(h), -1).to(self.dtype)

    def _paired(self, rows: Tensor) -> Tensor:
        """Rows of the joint matrix in the order in which heads are rotated here; those of the values stay."""
        if not self._rotates:
            return rows
        turned = (self._heads + self._kv_heads) * self._width
        return torch.cat((self._interleaved(rows[:turned]), rows[turned:]))

    def _interleaved(self, rows: Tensor) -> Tensor:
        return rows.view(-1, 2, self._width // 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)

    def _scales(self, norm: RMSNorm, heads: int) -> Tensor:
        """[heads * head_dim]: what each component is multiplied with once it is of size one."""
        scale = norm.scale().detach()
        scale = scale if self._over_width else scale.repeat(heads)
        return self._interleaved(scale) if self._rotates else scale

    def _normalised(self, qk: Tensor, q_scale: Tensor, k_scale: Tensor) -> Tensor:
        """[B, T, H + K, head_dim] -> the same, in new memory."""
        if not self._over_width:
            return functional.rms_norm(qk, (self._width,), None, self._eps).mul_(self._both)
        q, k = (part.flatten(2) for part in torch.split(qk, [self._heads, self._kv_heads], dim=2))
        q = functional.rms_norm(q, q_scale.shape, q_scale, self._eps)
        k = functional.rms_norm(k, k_scale.shape, k_scale, self._eps)
        return torch.cat((q, k), dim=2).view(qk.shape)

    def _grouped(self, q: Tensor) -> Tensor:
        """[B, T, H, head_dim] -> [B, K, share * T, head_dim]: heads that share keys are more queries of one head."""
        rows, length = q.shape[:2]
        if length == 1:
            return q.view(rows, self._kv_heads, self._share, self._width)
        grouped = q.view(rows, length, self._kv_heads, self._share, self._width)
        return grouped.permute(0, 2, 3, 1, 4).flatten(2, 3)

    def _attend(self, q: Tensor, step: Step) -> Tensor:
        if step.columns and step.length == 1:
            stored = step.cache.keys[self._layer], step.cache.values[self._layer]
            return attend(q, *stored, step.places(self._window, self._share), self._scale, self._cap)
        keys, values = step.keys[self._layer], step.values[self._layer]
        if step.columns:
            keys = keys.contiguous()
        if self._window is not None:
            first = step.placement.first_key(self._window)
            keys, values = keys[:, :, first:], values[:, :, first:]
        mask = step.mask(self._window, self._share)
        if self._cap is None:
            return functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=self._scale)
        scores = (q @ keys.transpose(-2, -1)).mul_(self._scale / self._cap).tanh_().mul_(self._cap)
        if mask is not None:
            scores.masked_fill_(~mask, -torch.inf)
        return scores.softmax(dim=-1) @ values
