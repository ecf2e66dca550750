"""Loss on rows that do not change, so that two moments of a training can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.batches.packed import IGNORE, Batch
from engine.events import Event, Tick, Validation
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken
from engine.training.precision import Precision

if TYPE_CHECKING:
    from engine.training.loop import Trainer


def mean_loss(
    model: Transformer, batches: Sequence[Batch], precision: Precision, most_rows: int
) -> Iterator[Event | float]:
    """Yields a Tick before every forward pass and, last, the mean loss in nats per token that is learned.

    Dropout is off meanwhile. most_rows: of one pass. Memory may have run out since the batches were cut.
    """
    device, objective = next(model.parameters()).device, NextToken(model)
    total, tokens = 0.0, 0
    for rows in _cut(batches, most_rows):
        yield Tick()
        was_training = model.training
        model.eval()
        with torch.inference_mode(), precision.autocast():
            loss = objective(*(torch.from_numpy(array).to(device) for array in rows))
        model.train(was_training)
        counted = int((rows[1] != IGNORE).sum())
        total += float(loss) * counted
        tokens += counted
    yield total / max(tokens, 1) if tokens else math.nan


@dataclass(frozen=True)
class HeldOut:
    """What pretraining is measured on. validation, train_probe: fixed rows of equal number. tokens_per_byte: of the
    validation text."""

    validation: Sequence[Batch]
    train_probe: Sequence[Batch]
    tokens_per_byte: float

    def measure(self, trainer: Trainer) -> Iterator[Event]:
        """Ends with a Validation, or without one when the trainer is to stop meanwhile."""
        means = []
        for batches in (self.validation, self.train_probe):
            for result in mean_loss(trainer.model, batches, trainer.precision, trainer.micro_rows):
                if isinstance(result, Event):
                    yield result
                else:
                    means.append(result)
                if trainer.ranks.stopping:
                    return
        loss, train = means
        bits = bits_per_byte(loss, self.tokens_per_byte)
        yield Validation(step=trainer.step, tokens=trainer.tokens, loss=loss, bits_per_byte=bits, train_loss=train)


def _cut(batches: Sequence[Batch], most_rows: int) -> Iterator[Batch]:
    for batch in batches:
        for start in range(0, len(batch[0]), most_rows):
            yield tuple(array[start : start + most_rows] for array in batch)


def bits_per_byte(loss: float, tokens_per_byte: float) -> float:
    """nats per token -> bits per byte of raw text, which different tokenizers share."""
    return loss / math.log(2) * tokens_per_byte
