"""The steps of a block in few passes over memory, each with its own backward pass: what training on a CPU calls.

torch composes RMSNorm and the rotation from elementary operations there, and their backward passes cost more than the
matrix products beside them: at [4096, 384] RMSNorm takes 5.1 ms forward and backward, here 1.4 (one core with AVX512).
Sums are in float32 (float64 for float64), results in the type that the next matrix product wants.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def fits(x: Tensor) -> bool:
    """Whether these kernels are the right ones: on a CPU, where a gradient is wanted and nothing is being compiled."""
    return x.device.type == "cpu" and torch.is_grad_enabled() and not torch.compiler.is_compiling()


def product_dtype(x: Tensor) -> torch.dtype:
    """The type in which the next matrix product runs: autocast's, else that of x."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Zhang and Sennrich 2019, over the last dimension. x: [..., D], weight: [D] -> [..., D] of `product_dtype`."""
    return _RMSNorm.apply(x, weight, eps, product_dtype(x))  # type: ignore[no-any-return, no-untyped-call]


def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)^2 (So et al. 2021)."""
    return _ReluSquared.apply(x)  # type: ignore[no-any-return, no-untyped-call]


def norm_and_rotate(x: Tensor, weight: Tensor | None, rotary: tuple[Tensor, Tensor] | None, eps: float) -> Tensor:
    """Queries or keys: RMSNorm of every head with `weight` [d], then the rotation by cos and sin, [T, d] or where rows
    differ [B, 1, T, d]; None skips.

    x: [B, H, T, d], any strides -> the same, contiguous and of its type.
    """
    cos, sin = rotary or (None, None)
    return _NormAndRotate.apply(x, weight, cos, sin, eps)  # type: ignore[no-any-return, no-untyped-call]


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        x = x.contiguous()
        scale = _inverse_size(x, eps)
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight).to(dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        x, weight, scale = ctx.saved_tensors
        gradient = gradient.to(scale.dtype).contiguous()
        dx, dweight = _norm_backward(gradient, x * scale, weight.to(scale.dtype), scale)
        return dx.to(x.dtype), dweight.to(weight.dtype) if ctx.needs_input_grad[1] else None, None, None


class _ReluSquared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.relu()
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return torch.addcmul(positive.new_zeros(()), gradient, positive, value=2)


class _NormAndRotate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, eps: float
    ) -> Tensor:
        x = x.contiguous()
        scale = _inverse_size(x, eps) if weight is not None else None
        ctx.save_for_backward(x, weight, cos, sin, scale)
        y = x if weight is None or scale is None else (x * scale).mul_(weight)
        if cos is not None and sin is not None:
            y = _rotate(y, cos, sin)
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        x, weight, cos, sin, scale = ctx.saved_tensors
        sums = torch.float64 if x.dtype == torch.float64 else torch.float32
        gradient = gradient.to(sums).contiguous()
        if cos is not None:
            gradient = _rotate(gradient, cos, -sin)
        if weight is None:
            return gradient.to(x.dtype), None, None, None, None
        dx, dweight = _norm_backward(gradient, x * scale, weight, scale)
        return dx.to(x.dtype), dweight.to(weight.dtype), None, None, None


def _inverse_size(x: Tensor, eps: float) -> Tensor:
    """1 / root mean square over the last dimension, kept as 1 wide, in float32 at least."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    size: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=dtype)
    return size.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


def _norm_backward(gradient: Tensor, unit: Tensor, weight: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """gradient: of the result; unit: the input divided by its size. Gradients of the input and of the weight.

    With g the gradient times the weight and u the unit: dx = (g - u mean(g u)) / size.
    """
    width = unit.shape[-1]
    shared = gradient * unit
    dweight = shared.view(-1, width).sum(0)
    along = torch.mv(shared.view(-1, width), weight.to(shared.dtype)).view(scale.shape).div_(-width)
    dx = torch.mul(gradient, weight, out=shared).addcmul_(unit, along).mul_(scale)
    return dx, dweight


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Su et al. 2021 in Llama's half-split layout: x cos + (-x2, x1) sin, the minus moved into the sine."""
    half = x.shape[-1] // 2
    signed = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
    return (x * cos).addcmul_(x.roll(half, -1), signed)
