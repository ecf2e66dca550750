"""Where the new tokens of one forward pass stand, and what they may look at."""

from __future__ import annotations

import torch
from torch import Tensor

Rotary = tuple[Tensor, Tensor]


class Placement:
    """T new tokens in the slots from `start` on, after those that a cache holds.

    padding: [B] of int64, how many slots at the left of each row hold nothing; None where none do. Nobody looks at
    those, and positions are counted behind them.
    segments: [B, T] of int64, never falling along T, or None: texts that share a row. A token looks at its own text
    alone, and positions are counted from where that begins. Nothing is cached before it then, and there is no padding.
    rotary: cos and sin of the new tokens, [T, head_dim], or [B, 1, T, head_dim] with padding or segments;
    local_rotary: of the layers that rotate by another base.
    """

    rotary: Rotary | None = None
    local_rotary: Rotary | None = None

    def __init__(
        self,
        start: int,
        length: int,
        padding: Tensor | None,
        device: torch.device,
        segments: Tensor | None = None,
    ) -> None:
        self.start = start
        self.length = length
        self.padding = padding
        self._device = device
        self._begins = None if segments is None else _begins(segments)
        self._masks: dict[tuple[int | None, int], Tensor] = {}

    @property
    def end(self) -> int:
        return self.start + self.length

    def positions(self) -> Tensor:
        """[T], or [B, T] with padding or segments; what stands in padding counts as position 0."""
        slots = torch.arange(self.start, self.end, device=self._device)
        if self._begins is not None:
            return slots - self._begins
        return slots if self.padding is None else (slots - self.padding.unsqueeze(1)).clamp_min(0)

    def first_key(self, window: int | None) -> int:
        """The first slot that any of the new tokens looks at."""
        return 0 if window is None else max(0, self.start + 1 - window)

    def first_keys(self, window: int | None) -> Tensor | None:
        """[B, T] of int64, the first slot that each token of a row with segments looks at; None without segments."""
        if self._begins is None or window is None:
            return self._begins
        slots = torch.arange(self.length, device=self._device)
        return torch.maximum(self._begins, slots + 1 - window)

    def needs_mask(self, window: int | None) -> bool:
        """Whether "all keys" (one new token) or "all up to itself" (the first tokens) does not describe it."""
        if self.padding is not None or self._begins is not None:
            return True
        return self.length > 1 and (self.start > 0 or (window is not None and window < self.length))

    def mask(self, window: int | None, first: int = 0) -> Tensor:
        """[1 or B, 1, T, end - first] of bool, True where a query may look at the key. Made once for all layers."""
        known = self._masks.get((window, first))
        if known is None:
            known = self._masks[window, first] = self._build(window, first)
        return known

    def _build(self, window: int | None, first: int) -> Tensor:
        queries = torch.arange(self.start, self.end, device=self._device).unsqueeze(1)
        keys = torch.arange(first, self.end, device=self._device)
        seen = keys <= queries
        if window is not None:
            seen &= keys > queries - window
        if self._begins is not None:
            return (seen & (keys >= self._begins.unsqueeze(2))).unsqueeze(1)
        if self.padding is None:
            return seen[None, None]
        real = keys >= self.padding.view(-1, 1, 1, 1)
        # What stands in padding sees itself: a row that sees nothing would have no softmax.
        return seen & real | (keys == queries)


def _begins(segments: Tensor) -> Tensor:
    """[B, T] -> [B, T] of int64, the slot in which each token's segment begins."""
    slots = torch.arange(segments.shape[1], device=segments.device)
    new = torch.ones_like(segments, dtype=torch.bool)
    new[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return torch.where(new, slots, 0).cummax(dim=1).values
