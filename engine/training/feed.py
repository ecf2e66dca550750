"""Batches on their way to the device."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.batches.packed import Batch, PackedBatches


class Feed:
    """On a CPU the arrays themselves. On a GPU a batch is copied from pinned memory on a stream of its own: call
    `prepare` once a step's work is queued, and the next batch travels while the device computes."""

    def __init__(self, batches: PackedBatches, device: torch.device) -> None:
        self._batches = batches
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._ahead: tuple[int, Tensor, Tensor] | None = None

    def take(self, index: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of this batch, [rows, T] of int64 each, on the device."""
        if self._stream is None:
            inputs, targets = _tensors(self._batches.batch(index))
            return inputs.to(self._device), targets.to(self._device)
        if self._ahead is None or self._ahead[0] != index:
            self.prepare(index)
        assert self._ahead is not None
        _, inputs, targets = self._ahead
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        for tensor in (inputs, targets):
            tensor.record_stream(current)  # its memory belongs to the other stream, and must outlive this one's work
        return inputs, targets

    def prepare(self, index: int) -> None:
        """Begins to copy this batch; nothing on a CPU, where there is nowhere to copy it to."""
        if self._stream is None:
            return
        inputs, targets = (tensor.pin_memory() for tensor in _tensors(self._batches.batch(index)))
        with torch.cuda.stream(self._stream):
            self._ahead = (
                index,
                inputs.to(self._device, non_blocking=True),
                targets.to(self._device, non_blocking=True),
            )


def _tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(batch[0]), torch.from_numpy(batch[1])
