"""What all layers of one packed forward pass share: where the new tokens stand, and the views into the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.model.blocks.placement import Placement
from engine.model.blocks.rotary import rotary_tables
from engine.model.config import ModelConfig
from engine.model.kv_cache import KVCache
from engine.model.packed_columns import ColumnCache, Places, find_places

_FIRST_TABLE = 1024


class Turns:
    """Rotations as complex numbers: a head's components i and i + head_dim/2, side by side, are one, and one product
    turns all of them. Made only as far as texts really go."""

    def __init__(self, config: ModelConfig, *, local: bool) -> None:
        self._config = config
        self._theta = config.rope_local_theta if local and config.rope_local_theta else config.rope_theta
        self._scaling = None if local else config.rope_scaling
        self._table = torch.empty(0)

    def upto(self, end: int) -> Tensor:
        """complex64 [at least end, 1, head_dim / 2]"""
        if len(self._table) < end:
            size = min(self._config.context_length, max(_FIRST_TABLE, 2 * end))
            half = self._config.head_dim // 2
            cos, sin = rotary_tables(self._config.head_dim, max(size, end), self._theta, self._scaling)
            self._table = torch.complex(cos[:, :half], sin[:, :half]).unsqueeze(1)
        return self._table

    def at(self, placement: Placement) -> Tensor:
        """complex64 [T, 1, head_dim / 2], or [B, T, 1, head_dim / 2] with padding."""
        table = self.upto(placement.end)
        if placement.padding is None:
            return table[placement.start : placement.end]
        return table[placement.positions()]


class Step:
    """One forward pass of T new tokens in each of B rows.

    turn, local_turn: see `Turns.at`; None without rotary positions.
    key_slots, value_slots: of every layer where the new tokens go, [B, K, T, head_dim].
    keys, values: of every layer all up to and with the new tokens, [B, K, S, head_dim].
    columns: whether the cache holds keys as columns, which are then summed with `places` when T is 1.
    """

    turn: Tensor | None = None
    local_turn: Tensor | None = None

    def __init__(self, placement: Placement, rows: int, cache: KVCache) -> None:
        start, end = placement.start, placement.end
        if end > cache.capacity:
            raise ValueError(f"{end} tokens do not fit a cache of {cache.capacity}")
        self.placement = placement
        self.rows = rows
        self.length = placement.length
        self.columns = isinstance(cache, ColumnCache)
        self.cache = cache
        keys = cache.keys.transpose(-2, -1) if self.columns else cache.keys
        self.key_slots = keys[:, :, :, start:end].unbind(0)
        self.value_slots = cache.values[:, :, :, start:end].unbind(0)
        self.keys = keys[:, :, :, :end].unbind(0)
        self.values = cache.values[:, :, :, :end].unbind(0)
        self._masks: dict[int | None, Tensor | None] = {}
        self._places: dict[int | None, Places] = {}

    def mask(self, window: int | None, share: int) -> Tensor | None:
        """[1 or B, 1, share * T, keys from `first_key` on] of bool; None where every new token sees all keys.

        The T rows stand `share` times below each other: query heads that share keys are asked as more queries.
        """
        if window not in self._masks:
            placement = self.placement
            mask = None
            if placement.length > 1 or placement.padding is not None:
                mask = placement.mask(window, placement.first_key(window))
                mask = mask.repeat(1, 1, share, 1) if share > 1 else mask
            self._masks[window] = mask
        return self._masks[window]

    def places(self, window: int | None, share: int) -> Places:
        if window not in self._places:
            values = self.cache.values
            kv_heads, capacity, width = values.shape[2:]
            seen = range(self.placement.first_key(window), self.placement.end)
            mask = self.mask(window, share)
            self._places[window] = find_places(self.rows, kv_heads, share, capacity, width, seen, mask)
        return self._places[window]
