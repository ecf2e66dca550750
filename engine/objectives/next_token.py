"""The objective of pretraining: say what comes next."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats per token. logits: [B, T, V]; targets: [B, T], the inputs moved by one."""
    return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))
