"""Which weights moved, and how far, against those of the model that training began with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from engine.model.lora import active_weight
from engine.model.transformer import Transformer
from engine.model.weights import weights


class StoredWeights(Mapping[str, Tensor]):
    """The weights in a checkpoint's folder, each read when it is asked for, so that no second model is in memory.

    The folder's hashes are not checked again: whoever loaded the model from it did that.
    """

    def __init__(self, checkpoint: Path) -> None:
        opened: Any = safe_open  # which has no types
        self._file = opened(checkpoint / "model.safetensors", framework="pt")
        self._names = tuple(self._file.keys())

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        tensor: Tensor = self._file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def how_far(model: Transformer, base: Mapping[str, Tensor]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """parts: names of the weights that both have ("embedding", "blocks.0.attention.qkv", "...bias"), in the model's
    order; moved: the norm of the difference over the norm of the base's (Frobenius), 0 for a part that did not move.

    What counts is what the model computes with now, the adapter included where one is on. base: by the names of
    `weights`. Where one of the two has more rows, as special tokens give the embedding, only the
    rows of both count. A part that was all zeros and moved is NaN.
    """
    parts, moved = [], []
    with torch.inference_mode():
        for name, weight in weights(model).items():
            if name in base:
                part = name.removesuffix(".weight")
                parts.append(part)
                moved.append(_relative(_with_adapter(model, part, weight), base[name]))
    return tuple(parts), tuple(moved)


def _with_adapter(model: Transformer, part: str, weight: Tensor) -> Tensor:
    """What the part computes with now: one that has an addition beside it is put together, one at a time."""
    try:
        module = model.get_submodule(part)
    except AttributeError:
        return weight  # a bias
    return active_weight(module) if isinstance(module, (nn.Linear, nn.Embedding)) else weight


def _relative(weight: Tensor, base: Tensor) -> float:
    rows = min(len(weight), len(base))
    before = base[:rows].to(weight.device, torch.float32)
    difference = float(torch.linalg.vector_norm(weight[:rows].float() - before))
    size = float(torch.linalg.vector_norm(before))
    if difference == 0.0:
        return 0.0
    return difference / size if size else math.nan
