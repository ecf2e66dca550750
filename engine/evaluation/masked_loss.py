"""How well a model says what the assistant says: one pass over conversations that it does not train on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.batches.packed import IGNORE, Batch
from engine.events import Event, Tick
from engine.model.transformer import Transformer
from engine.training.precision import Precision

_ENTRIES = 2**22  # of the logits at once: 16 MB


@dataclass(frozen=True)
class MaskedLoss:
    """Means over the targets that are learned; NaN where there is none.

    loss: nats per token. token_accuracy: share of targets that were the likeliest, 0 to 1. entropy: of the prediction,
    in nats. first_token: probability of the right first token of an answer, 0 to 1: of each target that is learned
    while the one before it in the same conversation is not."""

    loss: float
    token_accuracy: float
    entropy: float
    first_token: float


def masked_loss(
    model: Transformer, batches: Sequence[Batch], precision: Precision, most_rows: int
) -> Iterator[Event | MaskedLoss]:
    """Yields a Tick before every forward pass and, last, the MaskedLoss. Dropout is off meanwhile.

    batches: inputs, targets, segments, [rows, T] of int64 each; targets that do not count are IGNORE. most_rows: of one
    pass. Logits exist only where a target counts, a few rows of them at a time.
    """
    device = next(model.parameters()).device
    sums, counted, answers = torch.zeros(4, dtype=torch.float64), 0, 0
    for inputs, targets, segments in _cut(batches, most_rows):
        yield Tick()
        wanted, first = targets != IGNORE, _first_of_answers(targets, segments)
        was_training = model.training
        model.eval()
        with torch.inference_mode(), precision.autocast():
            ids, texts = (torch.from_numpy(array).to(device) for array in (inputs, segments))
            hidden = model.hidden(ids, segments=texts)[torch.from_numpy(wanted).to(device)]  # [n, D]
            for part in _parts(len(hidden), model.config.vocab_size):
                logits = model.logits(hidden[part]).float()
                sums += _sums(logits, torch.from_numpy(targets[wanted][part]), torch.from_numpy(first[wanted][part]))
        model.train(was_training)
        counted += int(wanted.sum())
        answers += int(first.sum())
    losses, hits, entropies, odds = sums.tolist()
    every, each = counted or math.nan, answers or math.nan
    yield MaskedLoss(losses / every, hits / every, entropies / every, odds / each)


def _cut(batches: Sequence[Batch], most_rows: int) -> Iterator[Batch]:
    for batch in batches:
        for start in range(0, len(batch[0]), most_rows):
            yield tuple(array[start : start + most_rows] for array in batch)


def _first_of_answers(targets: NDArray[np.int64], segments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[rows, T] of bool. Where a conversation begins with a learned target, the beginning of its answer was cut off."""
    wanted = targets != IGNORE
    first = np.zeros(targets.shape, dtype=np.bool_)
    first[:, 1:] = wanted[:, 1:] & ~wanted[:, :-1] & (segments[:, 1:] == segments[:, :-1])
    return first


def _parts(rows: int, width: int) -> Iterator[slice]:
    step = max(1, _ENTRIES // width)
    for start in range(0, rows, step):
        yield slice(start, start + step)


def _sums(logits: Tensor, targets: Tensor, first: Tensor) -> Tensor:
    """logits: [n, V] in float32 -> [4] in float64 on the CPU: of losses, hits, entropies and, where `first`,
    probabilities of the target."""
    logs = logits.log_softmax(dim=1)
    own = logs.gather(1, targets.to(logs.device).unsqueeze(1)).squeeze(1)
    hits = logs.argmax(dim=1) == targets.to(logs.device)
    entropies = torch.special.entr(logs.exp()).sum(dim=1)
    odds = own.exp()[first.to(logs.device)]
    return torch.stack([part.sum(dtype=torch.float64) for part in (-own, hits, entropies, odds)]).cpu()
