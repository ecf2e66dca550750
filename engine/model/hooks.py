"""Named points at which a forward pass can be watched or changed.

embed                        [B, T, D]     token (and position) embeddings
block.{i}.attention.pattern  [B, H, T, S]  softmax weights; asking for it leaves the fused kernel in that layer
block.{i}.attention.out      [B, T, D]     what attention adds to the stream
block.{i}.mlp.out            [B, T, D]     what the MLP adds to the stream
block.{i}.out                [B, T, D]     the stream after the block
final_norm                   [B, T, D]     what the head reads
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

Hook = Callable[[Tensor], Tensor | None]


class Hooks:
    """Calls the hook of a point, if there is one. A hook that returns a tensor replaces the value."""

    def __init__(self, hooks: Mapping[str, Hook] | None = None) -> None:
        self._hooks = dict(hooks or {})

    def wants(self, point: str) -> bool:
        return point in self._hooks

    def __call__(self, point: str, value: Tensor) -> Tensor:
        hook = self._hooks.get(point)
        if hook is None:
            return value
        changed = hook(value)
        return value if changed is None else changed


NO_HOOKS = Hooks()
