"""Conversations as batches: several in a row, each with a number of its own, so that none looks into another.

Like pretraining's batches they are a pure function of (seed, index). Which conversations share a row is settled once;
every epoch shuffles the rows anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.batches.packed import IGNORE, Batch, PackedBatches

_LOOKED_AT_ONCE = 512  # conversations sorted together before they are put into rows


@dataclass(frozen=True)
class Tokens:
    """A conversation as the model sees it. mask: True where a token is to be learned; [n] both."""

    ids: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]

    @property
    def length(self) -> int:
        """Places in a row: every token but the last is an input."""
        return len(self.ids) - 1

    @property
    def counted(self) -> int:
        """Targets that are learned; the first token is never one."""
        return int(self.mask[1:].sum())


@dataclass(frozen=True)
class Fitted:
    """kept: fit the rows and have something to learn. truncated: of these, how many lost their end. too_long: dropped
    for their length. masked: dropped because nothing in them, or in what is left of them, is learned."""

    kept: tuple[Tokens, ...]
    truncated: int
    too_long: int
    masked: int


def tokens_of(ids: Iterable[int], mask: Iterable[bool]) -> Tokens:
    return Tokens(np.fromiter(ids, dtype=np.int64), np.fromiter(mask, dtype=np.bool_))


def fit(conversations: Iterable[Tokens], length: int, too_long: Literal["truncate", "drop"]) -> Fitted:
    """length: places of a row. What is longer loses its end, or is dropped."""
    kept: list[Tokens] = []
    truncated = dropped = masked = 0
    for tokens in conversations:
        longer = tokens.length > length
        if longer and too_long == "drop":
            dropped += 1
            continue
        cut = Tokens(tokens.ids[: length + 1], tokens.mask[: length + 1])
        if not cut.counted:
            masked += 1
            continue
        truncated += longer
        kept.append(cut)
    return Fitted(tuple(kept), truncated, dropped, masked)


def pack(lengths: Sequence[int], room: int, seed: int) -> list[tuple[int, ...]]:
    """Indices of the conversations that share a row of `room` places; all are <= room.

    Best fit, the longest first, among a few hundred at a time that chance put together: little stays empty, and rows
    do not become rows of long and rows of short ones.
    """
    order = np.random.default_rng([seed, len(lengths)]).permutation(len(lengths)).tolist()
    rows: list[tuple[int, ...]] = []
    for start in range(0, len(order), _LOOKED_AT_ONCE):
        group = sorted(order[start : start + _LOOKED_AT_ONCE], key=lambda index: -lengths[index])
        rows += _best_fit(group, lengths, room)
    return rows


def _best_fit(group: Sequence[int], lengths: Sequence[int], room: int) -> Iterator[tuple[int, ...]]:
    rows: list[list[int]] = []
    left: list[int] = []
    for index in group:
        fitting = [row for row, free in enumerate(left) if free >= lengths[index]]
        if fitting:
            row = min(fitting, key=left.__getitem__)
        else:
            row = len(rows)
            rows.append([])
            left.append(room)
        rows[row].append(index)
        left[row] -= lengths[index]
    return (tuple(row) for row in rows)


class ConversationBatches:
    """rows x context_length places at a time, `text.rows` of them pretraining text.

    conversations: each fits a row. text: windows of context_length that are mixed in, against forgetting.
    packing: False gives every conversation a row of its own, as long as the longest beside it.
    epoch_rows: rows of conversations in an epoch.
    """

    def __init__(
        self,
        conversations: Sequence[Tokens],
        context_length: int,
        rows: int,
        seed: int,
        *,
        packing: bool = True,
        text: PackedBatches | None = None,
    ) -> None:
        self.context_length = context_length
        self.rows = rows
        self._text = text
        self._each = rows - (text.rows if text else 0)
        self._seed = seed
        self._conversations = conversations
        self._packing = packing
        lengths = [tokens.length for tokens in conversations]
        self.packed = pack(lengths, context_length, seed) if packing else [(index,) for index in range(len(lengths))]
        self.epoch_rows = len(self.packed)
        self._filled = np.array([sum(lengths[index] for index in row) for row in self.packed])
        self._orders: dict[int, npt.NDArray[np.int64]] = {}

    def batches_in(self, epochs: float) -> int:
        """So many batches show every conversation that often; at least one."""
        return max(1, round(epochs * self.epoch_rows / self._each))

    def batch(self, index: int) -> Batch:
        """inputs, targets, segments, [rows, T] of int64 each. Targets that are not learned are IGNORE. A row's padding
        is a segment of its own."""
        places = range(index * self._each, (index + 1) * self._each)
        rows = [self.packed[self._row_at(place)] for place in places]
        width = self.context_length if self._packing or self._text else self._longest(rows)
        filled = stack([[self._conversations[each] for each in row] for row in rows], width)
        if self._text is None:
            return filled
        inputs, targets = self._text.batch(index)
        more = inputs, targets, np.zeros_like(inputs)
        return tuple(np.concatenate(pair) for pair in zip(filled, more, strict=True))

    def tokens_before(self, index: int) -> int:
        epoch, place = divmod(index * self._each, self.epoch_rows)
        in_part = self._filled[self._order(epoch)[:place]].sum() if place else 0
        text = self._text.tokens_before(index) if self._text else 0
        return int(epoch * self._filled.sum() + in_part) + text

    def _row_at(self, place: int) -> int:
        epoch, within = divmod(place, self.epoch_rows)
        return int(self._order(epoch)[within])

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch not in self._orders:
            # A batch may reach over the border of two epochs; older ones are not needed again.
            self._orders = {key: order for key, order in self._orders.items() if key == epoch - 1}
            self._orders[epoch] = np.random.default_rng([self._seed, epoch]).permutation(self.epoch_rows)
        return self._orders[epoch]

    def _longest(self, rows: Sequence[tuple[int, ...]]) -> int:
        return max(self._conversations[each].length for row in rows for each in row)


def stack(rows: Sequence[Sequence[Tokens]], width: int) -> Batch:
    """Conversations, those of a row one after another -> inputs, targets, segments, [len(rows), width] each."""
    inputs = np.zeros((len(rows), width), dtype=np.int64)
    targets = np.full((len(rows), width), IGNORE, dtype=np.int64)
    segments = np.zeros((len(rows), width), dtype=np.int64)
    for row, conversations in enumerate(rows):
        ends = accumulate(tokens.length for tokens in conversations)
        for number, (tokens, end) in enumerate(zip(conversations, ends, strict=True)):
            place = slice(end - tokens.length, end)
            inputs[row, place] = tokens.ids[:-1]
            targets[row, place] = np.where(tokens.mask[1:], tokens.ids[1:], IGNORE)
            segments[row, place] = number
            segments[row, end:] = number + 1
    return inputs, targets, segments


def fixed_batches(conversations: Sequence[Tokens], context_length: int, rows: int, seed: int) -> list[Batch]:
    """All of them, once, packed the same way each time: what is measured on."""
    packed = pack([tokens.length for tokens in conversations], context_length, seed)
    groups = (packed[start : start + rows] for start in range(0, len(packed), rows))
    return [stack([[conversations[each] for each in row] for row in group], context_length) for group in groups]
