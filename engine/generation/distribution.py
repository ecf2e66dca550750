"""The next token as a distribution: what the bars show, and what a moved slider changes. Only numpy is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.generation.sampling import FILTERS, Filtered, SamplingConfig, entropy_bits, filtered


@dataclass(frozen=True)
class Candidate:
    """One token that could come next. before, after: probabilities without and with the sampling settings.
    excluded: "" or the filter that ruled it out ("top-k", "top-p", "min-p", "greedy")."""

    token_id: int
    text: str
    logit: float
    before: float
    after: float
    excluded: str


@dataclass(frozen=True)
class Distribution:
    """logits: float32 [V], as the model gave them. previous_ids: the tokens in view, for the repetition penalty.
    candidates: the likeliest before any setting, likeliest first; so they stay the same while settings change.
    entropy_before, entropy_after: bits. kept: how many tokens may be drawn."""

    logits: NDArray[np.float32]
    previous_ids: tuple[int, ...]
    filtered: Filtered
    candidates: tuple[Candidate, ...]

    @property
    def entropy_before(self) -> float:
        return entropy_bits(self.filtered.before)

    @property
    def entropy_after(self) -> float:
        return entropy_bits(self.filtered.after)

    @property
    def kept(self) -> int:
        return int((self.filtered.excluded == 0).sum())

    def under(self, sampling: SamplingConfig) -> Distribution:
        """The same prediction under other settings; the model is not asked again."""
        again = filtered(self.logits, sampling, self.previous_ids)
        texts = {candidate.token_id: candidate.text for candidate in self.candidates}
        candidates = tuple(_candidate(token_id, text, self.logits, again) for token_id, text in texts.items())
        return replace(self, filtered=again, candidates=candidates)

    def candidate(self, token_id: int, text: str) -> Candidate:
        return _candidate(token_id, text, self.logits, self.filtered)

    def rank(self, token_id: int) -> int:
        """1 for the token that was likeliest before any setting."""
        return 1 + int((self.logits > self.logits[token_id]).sum())


def describe(
    logits: NDArray[np.float32],
    previous_ids: Sequence[int],
    sampling: SamplingConfig,
    count: int,
    text_of: Callable[[int], str],
) -> Distribution:
    """Filters a row of logits [V] and names its `count` likeliest tokens."""
    result = filtered(logits, sampling, previous_ids)
    candidates = tuple(
        _candidate(token_id, text_of(token_id), logits, result) for token_id in _likeliest(logits, count)
    )
    return Distribution(logits, tuple(previous_ids), result, candidates)


def _likeliest(logits: NDArray[np.float32], count: int) -> list[int]:
    """The `count` largest, largest first, without sorting the whole vocabulary."""
    count = min(count, logits.size)
    best = np.argpartition(-logits, count - 1)[:count] if count > 0 else np.empty(0, dtype=np.int64)
    return sorted(best.tolist(), key=lambda token_id: (-logits[token_id], token_id))


def _candidate(token_id: int, text: str, logits: NDArray[np.float32], result: Filtered) -> Candidate:
    return Candidate(
        token_id=token_id,
        text=text,
        logit=float(logits[token_id]),
        before=float(result.before[token_id]),
        after=float(result.after[token_id]),
        excluded=FILTERS[result.excluded[token_id]],
    )
