"""The two normalisations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.config import ModelConfig


class RMSNorm(nn.Module):
    """Zhang and Sennrich 2019, over the last dimension.

    The weight follows the input's type: torch has a fused kernel only when both agree, and sums in float32 inside.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


def build_norm(config: ModelConfig, width: int | None = None) -> nn.Module:
    """RMSNorm or LayerNorm (Ba et al. 2016), as wide as the stream unless said otherwise."""
    size = width or config.d_model
    if config.norm == "layernorm":
        return nn.LayerNorm(size, eps=config.norm_eps)
    return RMSNorm(size, config.norm_eps)
