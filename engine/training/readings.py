"""A step's numbers, on their way from the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """step: counted from 1. loss: mean nats per token. norm: of the gradient before clipping. ratio: norm of the
    update / norm of the weights, 0 when it was not measured."""

    step: int
    rate: float
    loss: float
    norm: float
    ratio: float


class LateReading:
    """The same before the device has computed it: asking then would make the device wait for the program."""

    def __init__(self, step: int, rate: float, loss: Tensor, norm: Tensor, ratio: Tensor) -> None:
        self._step, self._rate = step, rate
        numbers = torch.stack((loss, norm, ratio))
        self._numbers = numbers.to("cpu", non_blocking=True)
        self._copied = torch.cuda.Event() if numbers.is_cuda else None  # type: ignore[no-untyped-call]
        if self._copied is not None:
            self._copied.record(torch.cuda.current_stream(numbers.device))

    def read(self) -> Reading:
        """Waits until the device has got this far."""
        if self._copied is not None:
            self._copied.synchronize()
        loss, norm, ratio = self._numbers.tolist()
        return Reading(self._step, self._rate, loss, norm, ratio)
