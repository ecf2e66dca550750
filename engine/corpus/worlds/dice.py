"""Chance that falls the same way on every platform and in every version of Python."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Built on `random.Random(seed).random()` alone, the one method whose sequence Python promises to keep."""

    def __init__(self, seed: str) -> None:
        self.share = random.Random(seed).random

    def below(self, count: int) -> int:
        return int(self.share() * count)

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.share() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result

    def deal(self, items: Sequence[T]) -> Iterator[T]:
        """Every item once in shuffled order, then all of them again, without end: chance that is fair."""
        while True:
            yield from self.shuffled(items)
