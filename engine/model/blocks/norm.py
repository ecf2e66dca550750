"""The two normalisations, computed in float32 whatever the activations are."""

from __future__ import annotations

from torch import nn

from engine.model.config import ModelConfig


def build_norm(config: ModelConfig, width: int | None = None) -> nn.Module:
    """RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016) over the last dimension."""
    size = width or config.d_model
    if config.norm == "layernorm":
        return nn.LayerNorm(size, eps=config.norm_eps)
    return nn.RMSNorm(size, eps=config.norm_eps)
