"""Loss on rows that do not change, so that two moments of a training can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from engine.batches.packed import Batch
from engine.events import Event, Tick
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken
from engine.training.precision import Precision


def mean_loss(model: Transformer, batches: Sequence[Batch], precision: Precision) -> Iterator[Event | float]:
    """Yields a Tick before every batch and, last, the mean loss in nats per token. Dropout is off meanwhile."""
    device, objective = next(model.parameters()).device, NextToken(model)
    total, tokens = 0.0, 0
    for inputs, targets in batches:
        yield Tick()
        was_training = model.training
        model.eval()
        with torch.inference_mode(), precision.autocast():
            loss = objective(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device))
        model.train(was_training)
        total += float(loss) * targets.size
        tokens += targets.size
    yield total / max(tokens, 1) if tokens else math.nan


def bits_per_byte(loss: float, tokens_per_byte: float) -> float:
    """nats per token -> bits per byte of raw text, which different tokenizers share."""
    return loss / math.log(2) * tokens_per_byte
