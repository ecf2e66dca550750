"""The learning rate over training."""

from __future__ import annotations

import math

from engine.training.plan import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """For the update that ends step `step` (from 0). Warmup rises linearly and reaches the peak after
    `warmup_steps` updates; then it stays, falls along a cosine or a line, or stays and falls along a line over the
    last `decay_share`. One rate for every optimizer: Muon's updates are scaled to AdamW's."""
    peak, floor = config.learning_rate, config.learning_rate * config.final_learning_rate_share
    if step < config.warmup_steps:
        return peak * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return peak
    if config.schedule == "wsd":
        decay_steps = max(round(config.steps * config.decay_share), 1)
        left = max(config.steps - step, 0)
        return floor + (peak - floor) * min(left / decay_steps, 1.0)
    span = max(config.steps - config.warmup_steps, 1)
    share = min((step - config.warmup_steps) / span, 1.0)
    fallen = share if config.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * share))
    return peak - (peak - floor) * fallen
