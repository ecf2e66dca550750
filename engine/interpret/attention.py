"""Where every head of every layer looks, for a text in view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.generation.loaded import LoadedModel
from engine.generation.reading import undisturbed
from engine.model.hooks import Hooks


@dataclass(frozen=True)
class AttentionMaps:
    """weights: float16 [n_layer, n_head, T, T]; row t says how token t divides its attention over the tokens up to
    itself, so it sums to 1 (within float16) and is zero to the right of the diagonal.
    token_ids, tokens: the T tokens, the latter for display. left_out: tokens before them that did not fit."""

    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    weights: NDArray[np.float16]
    left_out: int = 0


def attention_maps(loaded: LoadedModel, text: str | Sequence[int], max_tokens: int = 128) -> AttentionMaps:
    """One forward pass over the last `max_tokens` tokens of the text (or ids), watched at every layer's pattern.

    An empty text gives the end token alone, which is what stands before a document.
    """
    ids = list(loaded.tokenizer.prompt(text) if isinstance(text, str) else text) or [loaded.tokenizer.end_id]
    config = loaded.model.config
    seen = ids[-min(max_tokens, config.context_length) :]
    weights = np.zeros((config.n_layer, config.n_head, len(seen), len(seen)), dtype=np.float16)
    points = {f"block.{layer}.attention.pattern": _keep(weights[layer]) for layer in range(config.n_layer)}
    with undisturbed(loaded.model):
        device = loaded.model.embedding.weight.device
        loaded.model.hidden(torch.tensor([seen], device=device), hooks=Hooks(points))
    tokens = tuple(loaded.tokenizer.token_text(token_id) for token_id in seen)
    return AttentionMaps(tuple(seen), tokens, weights, len(ids) - len(seen))


def _keep(target: NDArray[np.float16]) -> Callable[[Tensor], None]:
    def hook(pattern: Tensor) -> None:  # [1, H, T, T]
        target[...] = pattern[0].to(torch.float16).cpu().numpy()

    return hook
