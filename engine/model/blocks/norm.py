"""The two normalisations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model import kernels
from engine.model.config import ModelConfig


class RMSNorm(nn.Module):
    """Zhang and Sennrich 2019, over the last dimension.

    offset: multiply by 1 + weight (Gemma). The scale follows the input's type: torch has a fused kernel only when both
    agree, and sums in float32 inside.
    """

    def __init__(self, width: int, eps: float, offset: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width) if offset else torch.ones(width))
        self.eps = eps
        self.offset = offset

    def scale(self) -> Tensor:
        """What the unit-sized input is multiplied with: [width]."""
        return self.weight + 1 if self.offset else self.weight

    def forward(self, x: Tensor) -> Tensor:
        if self.training and kernels.fits(x):
            return kernels.rms_norm(x, self.scale(), self.eps)
        return functional.rms_norm(x, self.weight.shape, self.scale().to(x.dtype), self.eps)


def build_norm(config: ModelConfig) -> nn.Module:
    """RMSNorm or LayerNorm (Ba et al. 2016), as wide as the stream."""
    if config.norm == "layernorm":
        return nn.LayerNorm(config.d_model, eps=config.norm_eps)
    return RMSNorm(config.d_model, config.norm_eps, config.norm_offset)
