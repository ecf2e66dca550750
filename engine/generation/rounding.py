"""What fewer bits cost: held-out text, predicted with the weights as they are and as they are written with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.batches.packed import Batch, validation_batches
from engine.batches.token_shards import TokenShards
from engine.events import Progress
from engine.generation.loaded import LoadedModel
from engine.generation.reading import undisturbed
from engine.model.kv_cache import KVCache
from engine.tokenizer.tokenizer import Tokenizer

_TOKENS = 2048  # enough, since both predict the same ones


@dataclass(frozen=True)
class RoundingLoss:
    """Bits per byte of raw text that the model needs. exact: in float32. rounded: with `weights`. tokens: measured."""

    weights: str
    exact: float
    rounded: float
    tokens: int

    def __str__(self) -> str:
        return (
            f"With {self.weights} weights the model needs {self.rounded:.4f} bits per byte of held-out text, "
            f"in float32 {self.exact:.4f} ({self.tokens:,} tokens)."
        )


def held_out(shards: TokenShards, context_length: int) -> list[Batch]:
    """Windows of the validation text, the same each time, one row a batch; none when there is not enough of it."""
    width = min(context_length, len(shards.validation) - 1, _TOKENS)
    return list(validation_batches(shards.validation, width, 1, max(1, _TOKENS // width))) if width > 0 else []


def measure_rounding(loaded: LoadedModel, batches: Sequence[Batch]) -> Iterator[Progress | RoundingLoss]:
    """Yields Progress after each batch of (inputs, targets) [B, T] and, last, the loss; nothing without batches, or
    when the model does not write with packed weights."""
    packed = loaded.packed()
    if packed is None or not batches:
        return
    model, config = loaded.model, loaded.model.config
    exact = rounded = 0.0

    def with_packed(ids: Tensor) -> Tensor:
        cache = KVCache(config, len(ids), torch.float32, "cpu", ids.shape[1])
        return packed(ids, cache, every=True)

    for done, batch in enumerate(batches):
        with undisturbed(model):
            exact += _bits(model, batch)
            rounded += _bits(with_packed, batch)
        yield Progress(done=done + 1, total=len(batches), unit="rows")
    size = max(1, sum(_bytes(loaded.tokenizer, targets) for _, targets in batches))
    tokens = sum(targets.size for _, targets in batches)
    yield RoundingLoss(packed.weights, exact / size, rounded / size, tokens)


def _bits(forward: Callable[[Tensor], Tensor], batch: Batch) -> float:
    inputs, targets = (torch.from_numpy(part) for part in batch)
    logits, wanted = forward(inputs).flatten(0, 1), targets.flatten()
    return float(functional.cross_entropy(logits, wanted, reduction="sum")) / math.log(2)


def _bytes(tokenizer: Tokenizer, ids: NDArray[np.int64]) -> int:
    """Of raw text, to which the end of a document adds nothing."""
    ends = tokenizer.end_ids
    return sum(len(tokenizer.token_bytes(token_id)) for token_id in ids.flatten().tolist() if token_id not in ends)
