"""Batches without padding, as a pure function of (seed, index): there is no state to save and none to lose.

The tokens are one long ring, cut into windows of T + 1 that overlap by the one token which is target here and input
there, so that every token is predicted once an epoch. Each epoch shifts the cut by a random phase and shuffles the
windows anew. The ring closes where the last document's `<|end|>` meets the first document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import CutawayError

# inputs and targets, and segments where a row holds several texts (engine/batches/conversations.py): [rows, T] each
Batch = tuple[npt.NDArray[np.int64], ...]
IGNORE = -100  # a target that is not learned, as torch's own cross-entropy calls it


class Batches(Protocol):
    """What a training takes its steps from: a pure function of the step's number."""

    rows: int
    context_length: int

    def batch(self, index: int) -> Batch: ...

    def tokens_before(self, index: int) -> int:
        """Real tokens, padding left out, of all batches before this one."""


class Tokens(Protocol):
    """A TokenView, or any numpy array of ids."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> Any: ...


class PackedBatches:
    """rows x context_length training examples at a time. The number of the batch is the position in the data.

    windows: distinct ones in an epoch; fewer than T tokens, elsewhere each time, sit one epoch out.
    Raises CutawayError for a context longer than the corpus.
    """

    def __init__(self, tokens: Tokens, context_length: int, rows: int, seed: int) -> None:
        _refuse_long_context(tokens, context_length, "training")
        self._tokens = tokens
        self._seed = seed
        self.context_length = context_length
        self.rows = rows
        self.windows = len(tokens) // context_length
        self._epochs: dict[int, npt.NDArray[np.int64]] = {}

    def batch(self, index: int) -> Batch:
        """inputs and targets, [rows, T] int64 each: targets are the inputs one token on. index: from 0, no end."""
        rows = np.empty((self.rows, self.context_length + 1), dtype=np.int64)
        for row in range(self.rows):
            rows[row] = self._window(self.locate(index, row))
        return rows[:, :-1].copy(), rows[:, 1:].copy()

    def tokens_before(self, index: int) -> int:
        return index * self.rows * self.context_length

    def locate(self, index: int, row: int) -> int:
        """Where in the tokens this row of this batch begins."""
        epoch, place = divmod(index * self.rows + row, self.windows)
        return int(self._starts(epoch)[place])

    def _starts(self, epoch: int) -> npt.NDArray[np.int64]:
        """First tokens of the epoch's windows in the order in which they are seen."""
        if epoch not in self._epochs:
            random = np.random.default_rng([self._seed, epoch])
            phase = int(random.integers(len(self._tokens)))
            starts = (phase + random.permutation(self.windows) * self.context_length) % len(self._tokens)
            # A batch may reach over the border of two epochs; older ones are not needed again.
            self._epochs = {key: value for key, value in self._epochs.items() if key == epoch - 1}
            self._epochs[epoch] = starts
        return self._epochs[epoch]

    def _window(self, start: int) -> Any:
        end = start + self.context_length + 1
        if end <= len(self._tokens):
            return self._tokens[start:end]
        return np.concatenate([self._tokens[start : len(self._tokens)], self._tokens[0 : end - len(self._tokens)]])


def validation_batches(tokens: Tokens, context_length: int, rows: int, limit: int = 0) -> Iterator[Batch]:
    """The same windows each time, in order: at most `limit` batches (0: all), spread evenly over the tokens.

    The last batch may have fewer rows. Raises CutawayError at the first use when one window does not fit.
    """
    _refuse_long_context(tokens, context_length, "validation")
    windows = (len(tokens) - 1) // context_length
    count = min(windows, limit * rows) if limit else windows
    starts = [place * windows // count * context_length for place in range(count)]
    for first in range(0, count, rows):
        cut = [tokens[start : start + context_length + 1] for start in starts[first : first + rows]]
        stacked = np.stack(cut).astype(np.int64)
        yield stacked[:, :-1].copy(), stacked[:, 1:].copy()


def _refuse_long_context(tokens: Tokens, context_length: int, side: str) -> None:
    if len(tokens) < context_length + 1:
        raise CutawayError(
            "The context is longer than the corpus.",
            f"A window of {context_length:,} tokens and its next token do not fit into the {len(tokens):,} "
            f"tokens of the {side} text.",
            f"Choose a context length of {max(len(tokens) - 1, 1):,} at most, or add text.",
        )
