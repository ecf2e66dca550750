"""How one of our tensors is made of theirs, and back. Importing this file does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """ours: a name in `Transformer.state_dict`. theirs: names and shapes of the tensors that make it up, joined along
    the first dimension. transposed: their matrices map rows to columns (GPT-2's Conv1D)."""

    ours: str
    theirs: tuple[tuple[str, tuple[int, ...]], ...]
    transposed: bool = False

    def to_ours(self, read: Callable[[str], Tensor]) -> Tensor:
        import torch

        parts = [read(name) for name, _ in self.theirs]
        parts = [part.t() for part in parts] if self.transposed else parts
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def to_theirs(self, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
        start = 0
        for name, shape in self.theirs:
            rows = shape[1] if self.transposed else shape[0]
            part = tensor[start : start + rows]
            yield name, part.t() if self.transposed else part
            start += rows


def one(ours: str, theirs: str, *shape: int) -> Rule:
    return Rule(ours, ((theirs, shape),))
