"""Muon (Jordan et al. 2024): momentum, made orthogonal, for the matrices of the blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# Of Jordan's quintic: steep at zero, so that small singular values reach about one within five steps.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5
_SMALLEST_NORM = 1e-7
# How far AdamW moves a weight on average, as a share of the learning rate (Liu et al. 2025, "Moonlight").
_ADAMW_RMS = 0.2


@dataclass(frozen=True)
class Matrix:
    """weight: [R, C]. rows: how many belong to each matrix that is stored in it, as query, key and value are in one;
    they add up to R."""

    weight: nn.Parameter
    rows: tuple[int, ...]


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised by Newton and Schulz's iteration; decoupled weight decay.

    The update of an [r, c] matrix is scaled by 0.2 sqrt(max(r, c)), so that its entries are as large as AdamW's and
    learning rate and decay carry over (Liu et al. 2025). dtype: of the iteration; bfloat16 is enough for it and
    faster wherever products in bfloat16 are.

    found_inf: as torch's GradScaler sets it, 1.0 on the device withholds the update without asking the device.
    """

    def __init__(
        self, matrices: Sequence[Matrix], *, lr: float, momentum: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        for matrix in matrices:
            if matrix.weight.ndim != 2 or sum(matrix.rows) != len(matrix.weight):
                raise ValueError(f"rows {matrix.rows} do not make up a matrix of {tuple(matrix.weight.shape)}")
        groups = [{"params": [m.weight for m in matrices], "rows": [m.rows for m in matrices]}]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.found_inf: Tensor | None = None
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            for weight, rows in zip(group["params"], group["rows"], strict=True):
                if weight.grad is not None:
                    self._move(weight, rows, group)

    def _move(self, weight: Tensor, rows: tuple[int, ...], group: dict[str, Any]) -> None:
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        average = state["momentum_buffer"]
        withheld = None
        if self.found_inf is not None:
            withheld = self.found_inf > 0
            gradient = torch.where(withheld, average, gradient)  # an average of itself stays what it is
        average.lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(average, group["momentum"])
        weight.mul_(_unless(withheld, 1 - group["lr"] * group["weight_decay"], 1.0))
        for target, part in zip(torch.split(weight, list(rows)), torch.split(direction, list(rows)), strict=True):
            size = group["lr"] * _ADAMW_RMS * max(part.shape) ** 0.5
            target.sub_(orthogonal(part, self._dtype).to(target.dtype).mul_(_unless(withheld, size, 0.0)))


def _unless(withheld: Tensor | None, factor: float, instead: float) -> float | Tensor:
    return factor if withheld is None else torch.where(withheld, instead, factor)


def orthogonal(matrix: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """[r, c] -> U S V^T of the same shape with singular values S between about 0.7 and 1.2, where matrix = U D V^T.

    Very small singular values stay below that: five steps multiply them by about 480.
    """
    x = matrix.to(dtype)
    tall = len(x) > x.shape[1]
    if tall:
        x = x.t()  # the iteration's squares are of the shorter side
    x = x / x.norm().clamp(min=_SMALLEST_NORM)
    for _ in range(_STEPS):
        gram = x @ x.t()
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return x.t() if tall else x
