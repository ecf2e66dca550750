"""Keys and values of the tokens so far, so that one more token costs one more token."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.model.config import ModelConfig


class KVCache:
    """Room for `capacity` tokens of `batch` sequences, taken once; the context's length unless said otherwise.

    keys, values: [n_layer, B, K, capacity, head_dim] in `dtype`.
    padding: [B], slots at the left of each row that hold nothing; None where all rows are equally long.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch: int,
        dtype: torch.dtype,
        device: str | torch.device,
        capacity: int | None = None,
    ) -> None:
        self.capacity = min(capacity or config.context_length, config.context_length)
        shape = (config.n_layer, batch, config.n_kv_head, self.capacity, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.padding: Tensor | None = None
        self.length = 0

    @property
    def bytes(self) -> int:
        return 2 * self.keys.numel() * self.keys.element_size()

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Writes T new positions [B, K, T, head_dim] behind `length` and returns all of the layer so far.

        `length` itself moves once a forward pass, in `advance`. Raises ValueError past the capacity.
        """
        end = self.length + keys.shape[2]
        if end > self.capacity:
            raise ValueError(f"{end} tokens do not fit a cache of {self.capacity}")
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, tokens: int) -> None:
        self.length += tokens

    def truncate(self, length: int) -> None:
        """Forgets everything from position `length` on."""
        self.length = min(self.length, max(length, 0))

    def select(self, rows: Tensor) -> None:
        """Goes on with these rows only, in this order. rows: indices of int64."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.padding = None if self.padding is None else self.padding[rows]
