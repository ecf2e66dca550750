"""From a row of logits to probabilities that can be drawn from: penalty, temperature and filters in float64.

The order is that of transformers' logits warpers: repetition penalty, temperature, top-k, top-p, min-p; each sees
what the one before it left. Only numpy is needed, so the window can apply a moved slider by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import CutawayError

FILTERS = ("", "top-k", "top-p", "min-p", "greedy")
KEPT, TOP_K, TOP_P, MIN_P, GREEDY = range(len(FILTERS))

Probabilities = NDArray[np.float64]


class SamplingConfig(BaseModel):
    """How a token is chosen. Temperature 0 always takes the most probable token (greedy)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(0.8, ge=0.0, le=5.0, description="Below 1 safer, above 1 bolder, 0 always the likeliest")
    top_k: int = Field(0, ge=0, description="Only the k likeliest tokens may be drawn; 0 for all")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Only the likeliest tokens that together reach this share")
    min_p: float = Field(0.0, ge=0.0, lt=1.0, description="Only tokens at least this share as likely as the likeliest")
    repetition_penalty: float = Field(1.0, ge=1.0, le=10.0, description="Makes tokens that occurred less likely; 1 off")
    seed: int = Field(1, ge=0, description="The same seed gives the same text")


@dataclass(frozen=True)
class Filtered:
    """before: [V] softmax of the untouched logits. after: [V] what is drawn from; sums to 1, zero where excluded.
    excluded: [V] int8 indices into FILTERS, 0 for a token that may be drawn."""

    before: Probabilities
    after: Probabilities
    excluded: NDArray[np.int8]


def filtered(logits: NDArray[np.float32], sampling: SamplingConfig, previous_ids: Sequence[int] = ()) -> Filtered:
    """Applies the whole of `sampling` to one row of logits [V].

    previous_ids: the tokens in view, for the repetition penalty (Keskar et al. 2019).
    Raises CutawayError when the model gave NaN, plus infinity or nothing but minus infinity.
    """
    raw = np.asarray(logits, dtype=np.float64)
    refuse_broken(raw.max())
    before = softmax(raw)
    penalised = _penalise(raw, sampling.repetition_penalty, previous_ids)
    if sampling.temperature == 0.0:
        return _greedy(before, penalised)
    scores = penalised / sampling.temperature
    excluded = np.zeros(raw.shape, dtype=np.int8)
    for code, rejects in ((TOP_K, _beyond_top_k), (TOP_P, _beyond_top_p), (MIN_P, _below_min_p)):
        rejected = rejects(scores, sampling) & (excluded == KEPT)
        excluded[rejected] = code
        scores = np.where(rejected, -np.inf, scores)
    return Filtered(before, softmax(scores), excluded)


def random_for(seed: int, position: int) -> np.random.Generator:
    """The randomness of one position of a reply: however it is streamed, a seed gives the same text."""
    return np.random.default_rng((seed, position))


def softmax(scores: Probabilities) -> Probabilities:
    exponentials = np.exp(scores - scores.max())
    result: Probabilities = exponentials / exponentials.sum()
    return result


def entropy_bits(probabilities: Probabilities) -> float:
    """Shannon entropy: 0 when one token is certain, log2(V) when all are equally likely."""
    positive = probabilities[probabilities > 0]
    return max(0.0, float(-(positive * np.log2(positive)).sum()))


def refuse_broken(top: NDArray[np.floating] | np.floating) -> None:
    """top: the largest logit of a row, or of each of several; NaN counts as larger than all. Raises CutawayError."""
    if not np.isfinite(top).all():
        raise CutawayError(
            "The model gave no usable prediction.",
            "Its logits are not numbers (NaN) or infinite, as happens when training blew up.",
            "Choose an earlier checkpoint, or train again with a lower learning rate.",
        )


def _penalise(raw: Probabilities, penalty: float, previous_ids: Sequence[int]) -> Probabilities:
    if penalty == 1.0 or not len(previous_ids):
        return raw
    seen = np.unique(np.asarray(previous_ids, dtype=np.int64))
    scores = raw.copy()
    scores[seen] = np.where(raw[seen] < 0, raw[seen] * penalty, raw[seen] / penalty)
    return scores


def _greedy(before: Probabilities, scores: Probabilities) -> Filtered:
    best = int(scores.argmax())
    after = np.zeros_like(before)
    after[best] = 1.0
    excluded = np.full(before.shape, GREEDY, dtype=np.int8)
    excluded[best] = KEPT
    return Filtered(before, after, excluded)


def _beyond_top_k(scores: Probabilities, sampling: SamplingConfig) -> NDArray[np.bool_]:
    """Tokens as likely as the k-th are kept together (Fan et al. 2018)."""
    k = sampling.top_k
    if k == 0 or k >= scores.size:
        return np.zeros(scores.shape, dtype=np.bool_)
    least = np.partition(scores, -k)[-k]
    return np.asarray(scores < least)


def _beyond_top_p(scores: Probabilities, sampling: SamplingConfig) -> NDArray[np.bool_]:
    """A token stays while the likelier ones hold less than top_p; so at least one stays (Holtzman et al. 2020)."""
    if sampling.top_p == 1.0:
        return np.zeros(scores.shape, dtype=np.bool_)
    probabilities = softmax(scores)
    # Tokens this unlikely hold less than 1 - top_p even all together, so none of them can stay: no need to sort them.
    likely = np.flatnonzero(probabilities > 0.5 * (1.0 - sampling.top_p) / scores.size)
    order = likely[np.argsort(-probabilities[likely], kind="stable")]
    likelier = np.cumsum(probabilities[order]) - probabilities[order]
    rejected = np.ones(scores.shape, dtype=np.bool_)
    rejected[order] = likelier >= sampling.top_p
    rejected[order[0]] = False
    return rejected


def _below_min_p(scores: Probabilities, sampling: SamplingConfig) -> NDArray[np.bool_]:
    """Relative to the likeliest token (Nguyen et al. 2024)."""
    return np.asarray(np.exp(scores - scores.max()) < sampling.min_p)
