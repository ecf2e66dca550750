"""Causal attention as batched matrix products: on a CPU in bf16 several times faster than torch's fused kernel,
whose backward pass does not use the bf16 units well (B=16 H=6 T=256 d=64, one core: 61 ms, here 15).

A few heads at a time, so that scores stay in the processor's cache. Their softmax is kept for the backward pass
while it is small, else computed again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_SCORES_AT_ONCE = 2**21
_SCORES_KEPT = 2**23


def causal_products(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale q k^T, masked) v. q, k, v: [N, T, d] of one type, N all heads of all rows -> [N, T, d]."""
    return _CausalProducts.apply(q, k, v, scale)  # type: ignore[no-any-return, no-untyped-call]


class _CausalProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        kept = torch.is_grad_enabled() or any(ctx.needs_input_grad)
        keep = kept and q.shape[0] * q.shape[1] ** 2 <= _SCORES_KEPT
        hidden, result = _hidden(q), torch.empty_like(q)
        patterns = q.new_empty(q.shape[0] if keep else 0, q.shape[1], q.shape[1])
        for part in _parts(q):
            pattern = _pattern(q[part], k[part], hidden, scale, patterns[part] if keep else None)
            torch.bmm(pattern, v[part], out=result[part])
        ctx.save_for_backward(q, k, v, patterns)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, patterns = ctx.saved_tensors
        hidden, gradient = _hidden(q), gradient.contiguous()
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for part in _parts(q):
            pattern = patterns[part] if len(patterns) else _pattern(q[part], k[part], hidden, ctx.scale, None)
            torch.bmm(pattern.transpose(1, 2), gradient[part], out=dv[part])
            upward = torch.bmm(gradient[part], v[part].transpose(1, 2))
            scores = torch._softmax_backward_data(upward, pattern, -1, q.dtype)
            torch.bmm(scores, k[part], out=dq[part])
            torch.bmm(scores.transpose(1, 2), q[part], out=dk[part])
        return dq.mul_(ctx.scale), dk.mul_(ctx.scale), dv, None


def _parts(q: Tensor) -> list[slice]:
    at_once = max(1, _SCORES_AT_ONCE // q.shape[1] ** 2)
    return [slice(start, start + at_once) for start in range(0, q.shape[0], at_once)]


def _hidden(q: Tensor) -> Tensor:
    """[T, T]: 0 where a query may look, minus infinity after it."""
    return torch.full((q.shape[1], q.shape[1]), -torch.inf, dtype=q.dtype, device=q.device).triu_(1)


def _pattern(q: Tensor, k: Tensor, hidden: Tensor, scale: float, out: Tensor | None) -> Tensor:
    """The softmax of one part's masked scores, written into `out` if there is one: [n, T, T]."""
    scores = torch.baddbmm(hidden.expand(len(q), -1, -1), q, k.transpose(1, 2), alpha=scale)
    return torch.softmax(scores, dim=-1, out=scores if out is None else out)
