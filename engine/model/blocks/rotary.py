"""Rotary position embedding (Su et al. 2021), in the half-split layout of Llama."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.model.config import RopeScaling


def rotary_tables(
    head_dim: int, length: int, theta: float, scaling: RopeScaling | None = None
) -> tuple[Tensor, Tensor]:
    """cos and sin, each [length, head_dim], float32. Angles are computed in float64: at position 100,000
    float32 would already be off in the third digit."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    if scaling is not None:
        frequencies = _scaled(frequencies, scaling)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)  # [T, head_dim/2]
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().float(), angles.sin().float()


def _scaled(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    turns = scaling.original_context * frequencies / (2 * math.pi)  # over the context of pretraining
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * kept + frequencies / scaling.factor * (1 - kept)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x: [B, H, T, head_dim]; cos, sin: [T, head_dim] of the same positions, or [B, 1, T, head_dim]."""
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos.to(x.dtype) + turned * sin.to(x.dtype)
