"""Heads with a habit that has a name, told from their weights alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PREVIOUS, INDUCTION = "P", "I"
WORDS = {PREVIOUS: "previous", INDUCTION: "induction"}
_ENOUGH = 0.4
_REPEATS = 3


def head_kinds(weights: NDArray[np.float16], token_ids: Sequence[int]) -> dict[tuple[int, int], str]:
    """weights: [n_layer, n_head, T, T].

    PREVIOUS: on average at least 0.4 of the weight lies on the token before. INDUCTION: where a token stood in the
    text before, at least 0.4 lies on what came after it then (Olsson et al. 2022, prefix-matching score).
    """
    kinds = dict.fromkeys(_above(previous_scores(weights)), PREVIOUS)
    scores = induction_scores(weights, token_ids)
    if scores is not None:
        kinds |= dict.fromkeys(_above(scores), INDUCTION)
    return kinds


def previous_scores(weights: NDArray[np.float16]) -> NDArray[np.float32]:
    """[n_layer, n_head]; zero for a text of one token."""
    length = weights.shape[-1]
    if length < 2:
        return np.zeros(weights.shape[:2], dtype=np.float32)
    rows = np.arange(1, length)
    return np.asarray(weights[:, :, rows, rows - 1].astype(np.float32).mean(axis=-1))


def induction_scores(weights: NDArray[np.float16], token_ids: Sequence[int]) -> NDArray[np.float32] | None:
    """[n_layer, n_head]: mean over repeated tokens of the weight on whatever followed their earlier occurrences.
    None when fewer than three tokens repeat: that says nothing."""
    ids = np.asarray(token_ids)
    total, repeats = np.zeros(weights.shape[:2], dtype=np.float32), 0
    for row in range(2, len(ids)):
        after = np.flatnonzero(ids[: row - 1] == ids[row]) + 1
        if after.size:
            total += weights[:, :, row, after].astype(np.float32).sum(axis=-1)
            repeats += 1
    return total / np.float32(repeats) if repeats >= _REPEATS else None


def _above(scores: NDArray[np.float32]) -> list[tuple[int, int]]:
    return [(int(layer), int(head)) for layer, head in np.argwhere(scores >= _ENOUGH)]
