"""Whom a trainer works with: nobody, or other processes that compute the rest of every batch.

A batch is cut into the same micro-batches however many processes there are. Process r of N takes r, r + N, r + 2N, ...,
so that N of them do what one does with N times the accumulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.control import Control
from engine.events import ProcessesMeasured


@dataclass(frozen=True)
class Turn:
    """One forward and backward pass. micro: number of the micro-batch. counts: False for a pass whose gradient is
    multiplied by nothing, of a process that has no share left but must be there when gradients are added up. last: of
    this step, on this process."""

    micro: int
    counts: bool
    last: bool


def turns(count: int, rank: int, size: int) -> Iterator[Turn]:
    """What process `rank` of `size` does of a step of `count` micro-batches; as many turns for every process."""
    rounds = -(-count // size)
    for place in range(rounds):
        micro = rank + place * size
        yield Turn(micro if micro < count else rank % count, micro < count, place == rounds - 1)


class Alone:
    """One process. leads: whether it tells, samples and saves. together: whether all processes are needed to look at
    held-out text and to save, because each holds only a share of the weights."""

    rank, size = 0, 1
    leads = True
    together = False

    def __init__(self, control: Control) -> None:
        self._control = control

    def join(self, objective: nn.Module) -> nn.Module:
        """The objective as it is trained from now on, after its weights were loaded."""
        return objective

    def agree(self) -> None:
        """Once before every step: from here on all processes know the same wishes."""

    @property
    def stopping(self) -> bool:
        return self._control.stopping

    @property
    def learning_rate_scale(self) -> float:
        return self._control.learning_rate_scale

    def take_checkpoint_request(self) -> bool:
        return self._control.take_checkpoint_request()

    def turns(self, count: int) -> Iterator[Turn]:
        return turns(count, self.rank, self.size)

    def passing(self, turn: Turn, tokens: int) -> AbstractContextManager[None]:
        """Around a forward and backward pass over so many tokens."""
        del turn, tokens
        return nullcontext()

    def clip(self, parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
        """Shortens the gradient to `limit`. Returns its norm before."""
        return torch.nn.utils.clip_grad_norm_(parameters, limit)

    def total(self, loss: Tensor) -> Tensor:
        """This process's share of the loss -> the whole of it."""
        return loss

    def whole(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """What this process holds of named tensors -> all of them."""
        return tensors

    def spread(self, tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """Weights, or an optimizer's "exp_avg:blocks.0..." -> what this process holds of them."""
        del model
        return tensors

    def measured(self, step: int) -> ProcessesMeasured | None:
        """How the work was shared of late, when there is enough to tell."""
        del step
        return None
