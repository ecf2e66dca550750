"""Batches on their way to the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batches.packed import IGNORE, Batch, Batches


@dataclass(frozen=True)
class Rows:
    """A batch, or some rows of it, on the device. tensors: inputs, targets and, where rows hold several texts,
    segments: [rows, T] of int64 each. counted: how many targets of each row are learned."""

    tensors: tuple[Tensor, ...]
    counted: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.counted)

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(tuple(tensor[rows] for tensor in self.tensors), self.counted[rows])

    @property
    def size(self) -> int:
        return self.tensors[0].numel()


class Feed:
    """On a CPU the arrays themselves. On a GPU a batch is copied from pinned memory on a stream of its own: call
    `prepare` once a step's work is queued, and the next batch travels while the device computes."""

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self._batches = batches
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._ahead: tuple[int, Rows] | None = None

    def take(self, index: int) -> Rows:
        """This batch on the device."""
        if self._stream is None:
            rows = _rows(self._batches.batch(index))
            return Rows(tuple(tensor.to(self._device) for tensor in rows.tensors), rows.counted)
        if self._ahead is None or self._ahead[0] != index:
            self.prepare(index)
        assert self._ahead is not None
        _, rows = self._ahead
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        for tensor in rows.tensors:
            tensor.record_stream(current)  # its memory belongs to the other stream, and must outlive this one's work
        return rows

    def prepare(self, index: int) -> None:
        """Begins to copy this batch; nothing on a CPU, where there is nowhere to copy it to."""
        if self._stream is None:
            return
        rows = _rows(self._batches.batch(index))
        pinned = [tensor.pin_memory() for tensor in rows.tensors]
        with torch.cuda.stream(self._stream):
            moved = tuple(tensor.to(self._device, non_blocking=True) for tensor in pinned)
            self._ahead = index, Rows(moved, rows.counted)


def _rows(batch: Batch) -> Rows:
    counted = (batch[1] != IGNORE).sum(axis=1).tolist()
    return Rows(tuple(torch.from_numpy(array) for array in batch), tuple(counted))
