"""The tokens of a view: each distinct one once, and the text as numbers that name them.

A million tokens are four megabytes of numbers and some thousand chips, made when the text that holds them is laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from app.widgets.token_view_colour import TokenChip

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_UNKNOWN = -1


class ChipRun(Sequence[TokenChip]):
    """Tokens that came as chips, each with a value of its own.

    kinds: the distinct chips so far; `numbers(first, end)` names the token at each place by its place there.
    """

    def __init__(self, chips: Iterable[TokenChip] = ()) -> None:
        self.kinds: list[TokenChip] = []
        self._chips: list[TokenChip] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._numbers: list[int] = []
        self.extend(chips)

    def extend(self, chips: Iterable[TokenChip]) -> None:
        for chip in chips:
            key = (chip.text, chip.data, chip.token_id, chip.special, chip.plain)
            number = self._known.get(key)
            if number is None:
                number = self._known[key] = len(self.kinds)
                self.kinds.append(chip)
            self._chips.append(chip)
            self._numbers.append(number)

    def cut(self, count: int) -> None:
        """Keeps the first `count` tokens."""
        del self._chips[count:], self._numbers[count:]

    def numbers(self, first: int, end: int) -> NDArray[np.int32]:
        return np.array(self._numbers[first:end], dtype=np.int32)

    def count_of(self, token_id: int) -> int:
        """How often a token stands in the text."""
        return sum(chip.token_id == token_id for chip in self._chips)

    def __len__(self) -> int:
        return len(self._chips)

    @overload
    def __getitem__(self, where: int) -> TokenChip: ...
    @overload
    def __getitem__(self, where: slice) -> list[TokenChip]: ...
    def __getitem__(self, where: int | slice) -> TokenChip | list[TokenChip]:
        return self._chips[where]


class IdRun(Sequence[TokenChip]):
    """Tokens that came as ids. chip_of: what stands for an id; it is asked once for each."""

    def __init__(self, ids: ArrayLike, chip_of: Callable[[int], TokenChip]) -> None:
        self.kinds: list[TokenChip] = []
        self.ids: NDArray[np.int32] = np.array(ids, dtype=np.int32)
        self._chip_of = chip_of
        self._kind_of_id: NDArray[np.int32] = np.full(int(self.ids.max(initial=-1)) + 1, _UNKNOWN, dtype=np.int32)

    def replace(self, first: int, end: int, ids: ArrayLike) -> None:
        """Other tokens in the place of `first` to `end` - 1."""
        new: NDArray[np.int32] = np.array(ids, dtype=np.int32)
        self.ids = np.concatenate([self.ids[:first], new, self.ids[end:]])
        missing = int(new.max(initial=-1)) + 1 - len(self._kind_of_id)
        if missing > 0:
            more = np.full(missing, _UNKNOWN, dtype=np.int32)
            self._kind_of_id = np.concatenate([self._kind_of_id, more])

    def cut(self, count: int) -> None:
        self.ids = self.ids[:count]

    def numbers(self, first: int, end: int) -> NDArray[np.int32]:
        ids = self.ids[first:end]
        numbers = self._kind_of_id[ids]
        unknown = numbers < 0
        if unknown.any():
            for token_id in np.unique(ids[unknown]).tolist():
                self._learn(token_id)
            numbers = self._kind_of_id[ids]
        return numbers

    def count_of(self, token_id: int) -> int:
        return int(np.count_nonzero(self.ids == token_id))

    def _learn(self, token_id: int) -> int:
        number = len(self.kinds)
        self.kinds.append(self._chip_of(token_id))
        self._kind_of_id[token_id] = number
        return number

    def _chip(self, token_id: int) -> TokenChip:
        number = int(self._kind_of_id[token_id])
        return self.kinds[number if number >= 0 else self._learn(token_id)]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, where: int) -> TokenChip: ...
    @overload
    def __getitem__(self, where: slice) -> list[TokenChip]: ...
    def __getitem__(self, where: int | slice) -> TokenChip | list[TokenChip]:
        if isinstance(where, slice):
            return [self._chip(token_id) for token_id in self.ids[where].tolist()]
        return self._chip(int(self.ids[where]))


Run = ChipRun | IdRun
