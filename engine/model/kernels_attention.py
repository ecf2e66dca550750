"""Causal attention as batched matrix products: on a CPU several times faster than torch's fused kernel, whose backward
pass does not use the bf16 units well (B=16 H=6 T=256 d=64, one core: 61 ms, here 15).

A few heads at a time, so that scores stay in the processor's cache, and a block of queries at a time, which needs no
keys behind it. The softmax is kept for the backward pass while it is small, else computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_SCORES_AT_ONCE = 2**21
_SCORES_KEPT = 2**23
_QUERIES_AT_ONCE = 128


def causal_products(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale q k^T, masked) v. q, k, v: [N, T, d] of one type, N all heads of all rows -> [N, T, d]."""
    return _CausalProducts.apply(q, k, v, scale)  # type: ignore[no-any-return, no-untyped-call]


class _CausalProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        keep = any(ctx.needs_input_grad) and q.shape[0] * q.shape[1] ** 2 <= _SCORES_KEPT
        result, patterns = torch.empty_like(q), []
        for part, rows in _parts(q):
            pattern = _pattern(q[part, rows], k[part, : rows.stop], scale)
            torch.bmm(pattern, v[part, : rows.stop], out=result[part, rows])
            patterns += [pattern] if keep else []
        ctx.save_for_backward(q, k, v, *patterns)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, *patterns = ctx.saved_tensors
        kept = iter(patterns)
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for part, rows in _parts(q):
            seen = slice(rows.stop)
            pattern = next(kept, None)
            pattern = _pattern(q[part, rows], k[part, seen], ctx.scale) if pattern is None else pattern
            upward = gradient[part, rows]
            _add(dv[part, seen], pattern.transpose(1, 2), upward, rows.stop == q.shape[1])
            slope = torch._softmax_backward_data(torch.bmm(upward, v[part, seen].transpose(1, 2)), pattern, -1, q.dtype)
            torch.bmm(slope, k[part, seen], out=dq[part, rows])
            _add(dk[part, seen], slope.transpose(1, 2), q[part, rows], rows.stop == q.shape[1])
        return dq.mul_(ctx.scale), dk.mul_(ctx.scale), dv, None


def _parts(q: Tensor) -> Iterator[tuple[slice, slice]]:
    """Which heads and which queries come together; the last queries first, which see every key."""
    count, length, _ = q.shape
    heads = max(1, _SCORES_AT_ONCE // length**2)
    for start in range(0, count, heads):
        for first in reversed(range(0, length, _QUERIES_AT_ONCE)):
            yield slice(start, start + heads), slice(first, min(first + _QUERIES_AT_ONCE, length))


def _add(total: Tensor, a: Tensor, b: Tensor, first: bool) -> None:
    """total += a b; first: nothing is there yet."""
    if first:
        torch.bmm(a, b, out=total)
    else:
        total.baddbmm_(a, b)


def _pattern(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """The softmax of one part's masked scores, [n, T, S], of the last T of S places."""
    queries, keys = q.shape[1], k.shape[1]
    hidden = torch.full((queries, keys), -torch.inf, dtype=q.dtype, device=q.device).triu_(keys - queries + 1)
    scores = torch.baddbmm(hidden.expand(len(q), -1, -1), q, k.transpose(1, 2), alpha=scale)
    return torch.softmax(scores, dim=-1, out=scores)
