"""Thinning that never loses an extreme: for every bucket of points, where its lowest, highest and last stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

FACTOR = 4
_NONE = -1


class GrowingArray:
    """A one-dimensional float64 array whose capacity doubles: appending n values costs O(n) over all."""

    def __init__(self) -> None:
        self._buffer: FloatArray = np.empty(256)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def view(self) -> FloatArray:
        """The values so far, without a copy; valid until the next change."""
        return self._buffer[: self._length]

    def extend(self, values: npt.ArrayLike) -> None:
        added = np.asarray(values, dtype=np.float64).reshape(-1)
        needed = self._length + len(added)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer)))
            grown[: self._length] = self.view
            self._buffer = grown
        self._buffer[self._length : needed] = added
        self._length = needed

    def truncate(self, length: int) -> None:
        self._length = min(self._length, max(length, 0))


@dataclass(frozen=True)
class _Level:
    """Bucket -> index of its lowest and highest finite value and of its first gap; -1 where there is none."""

    low: IndexArray
    high: IndexArray
    gap: IndexArray

    def cut(self, buckets: int) -> _Level:
        return _Level(self.low[:buckets], self.high[:buckets], self.gap[:buckets])

    def join(self, other: _Level) -> _Level:
        return _Level(
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.gap, other.gap]),
        )


class Pyramid:
    """Buckets of 4, 16, 64 ... points over a growing array of values. Only complete buckets are kept, so
    that appending never changes one; the open end is covered by the levels below it."""

    def __init__(self) -> None:
        self.values = GrowingArray()
        self._levels: list[_Level] = []

    def extend(self, values: npt.ArrayLike) -> None:
        self.values.extend(values)
        self._grow()

    def truncate(self, length: int) -> None:
        self.values.truncate(length)
        self._levels = [level.cut(length // FACTOR ** (depth + 1)) for depth, level in enumerate(self._levels)]

    def thin(self, start: int, stop: int, budget: int) -> IndexArray:
        """Ascending indices from [start, stop) that keep lowest, highest and last of every bucket, and gaps.

        About `budget` of them (never more than the range holds, and all of it when it fits): buckets are
        chosen so that three points each come near it.
        """
        start, stop = max(start, 0), min(stop, len(self.values))
        depth = 0
        while (stop - start) * 3 > budget * FACTOR**depth and depth < len(self._levels) and stop - start > budget:
            depth += 1
        parts: list[IndexArray] = []
        self._cover(start, stop, depth, parts)
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)

    def _cover(self, start: int, stop: int, depth: int, parts: list[IndexArray]) -> None:
        """Whole buckets of this depth in the middle, finer ones at both ends."""
        if start >= stop:
            return
        if depth == 0:
            parts.append(np.arange(start, stop))
            return
        size = FACTOR**depth
        level = self._levels[depth - 1]
        first, last = -(-start // size), min(stop // size, len(level.low))
        if first >= last:
            self._cover(start, stop, depth - 1, parts)
            return
        self._cover(start, first * size, depth - 1, parts)
        kept = np.concatenate([level.low[first:last], level.high[first:last], level.gap[first:last]])
        parts.append(kept[kept != _NONE])
        parts.append(np.arange(first + 1, last + 1) * size - 1)
        self._cover(last * size, stop, depth - 1, parts)

    def _grow(self) -> None:
        depth = 1
        while len(self.values) // FACTOR**depth:
            if len(self._levels) < depth:
                empty = np.empty(0, dtype=np.int64)
                self._levels.append(_Level(empty, empty, empty))
            level = self._levels[depth - 1]
            have, want = len(level.low), len(self.values) // FACTOR**depth
            if want > have:
                self._levels[depth - 1] = level.join(self._buckets(depth, have, want))
            depth += 1

    def _buckets(self, depth: int, have: int, want: int) -> _Level:
        if depth == 1:
            candidates = np.arange(have * FACTOR, want * FACTOR).reshape(-1, FACTOR)
            return self._pick(candidates, candidates, candidates)
        below = self._levels[depth - 2]
        rows = slice(have * FACTOR, want * FACTOR)
        return self._pick(*(found[rows].reshape(-1, FACTOR) for found in (below.low, below.high, below.gap)))

    def _pick(self, low: IndexArray, high: IndexArray, gap: IndexArray) -> _Level:
        """low, high, gap: candidate indices, [buckets, FACTOR]. Returns the best of each row."""
        values = self.values.view
        row = np.arange(len(low))

        def value_at(candidates: IndexArray, otherwise: float) -> FloatArray:
            found = np.where(candidates == _NONE, np.nan, values[candidates])
            return np.where(np.isfinite(found), found, otherwise)

        lows, highs = value_at(low, np.inf), value_at(high, -np.inf)
        at_low, at_high = lows.argmin(axis=1), highs.argmax(axis=1)
        is_gap = (gap != _NONE) & ~np.isfinite(values[gap])
        at_gap = is_gap.argmax(axis=1)
        return _Level(
            np.where(np.isfinite(lows[row, at_low]), low[row, at_low], _NONE),
            np.where(np.isfinite(highs[row, at_high]), high[row, at_high], _NONE),
            np.where(is_gap[row, at_gap], gap[row, at_gap], _NONE),
        )
