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


def mean_loss(
    model: Transformer, batches: Sequence[Batch], precision: Precision, most_rows: int
) -> Iterator[Event | float]:
    """Yields a Tick before every forward pass and, last, the mean loss in nats per token. Dropout is off meanwhile.

    most_rows: of one pass. Memory may have run out since the batches were cut.
    """
    device, objective = next(model.parameters()).device, NextToken(model)
    total, tokens = 0.0, 0
    for inputs, targets in _cut(batches, most_rows):
        yield Tick()
        was_training = model.training
        model.eval()
        with torch.inference_mode(), precision.autocast():
            loss = objective(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device))
        model.train(was_training)
        total += float(loss) * targets.size
        tokens += targets.size
    yield total / max(tokens, 1) if tokens else math.nan


def _cut(batches: Sequence[Batch], most_rows: int) -> Iterator[Batch]:
    for inputs, targets in batches:
        for start in range(0, len(inputs), most_rows):
            yield inputs[start : start + most_rows], targets[start : start + most_rows]


def bits_per_byte(loss: float, tokens_per_byte: float) -> float:
    """nats per token -> bits per byte of raw text, which different tokenizers share."""
    return loss / math.log(2) * tokens_per_byte
