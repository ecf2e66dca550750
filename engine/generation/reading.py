"""What a model has in view while it writes: ids, a key/value cache, and a window that slides when it is full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from engine.generation.loaded import LoadedModel
from engine.model.kv_cache import KVCache
from engine.model.lora import adapter_probe
from engine.model.packed import PackedTransformer
from engine.model.transformer import Transformer

_ROOM = 256  # tokens that a cache has room for at first


@contextmanager
def undisturbed(model: Transformer) -> Iterator[None]:
    """Inference on a model that may be in training: no gradients, no dropout, and afterwards as it was.

    Never hold it across a yield: inference mode belongs to the thread, and the thread may train meanwhile.
    """
    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()


def last_logits(
    model: Transformer, packed: PackedTransformer | None, ids: torch.Tensor, cache: KVCache
) -> NDArray[np.float32]:
    """float32 [B, V] for what comes after the new tokens ids [B, T]; only there the head is computed."""
    logits = packed(ids, cache) if packed is not None else model.logits(model.hidden(ids, cache)[:, -1])
    result: NDArray[np.float32] = logits.cpu().numpy()
    return result


class Reading:
    """The tokens in view of one model, at least one and at most `context_length`.

    notes: sentences about what was left out of view, for whoever shows the text.
    """

    def __init__(self, loaded: LoadedModel, ids: Sequence[int]) -> None:
        self._model = loaded.model
        self._packed = loaded.packed()
        self._context = self._model.config.context_length
        self.notes: list[str] = []
        # Documents are separated by the end token, so it is what stands before a text that has not begun.
        self.ids = list(ids) or loaded.tokenizer.prompt("") or [loaded.tokenizer.end_id]
        if len(self.ids) > self._context:
            self.notes.append(
                f"The text has {len(self.ids):,} tokens and the model sees {self._context:,}: "
                f"only the last {self._context:,} were read."
            )
            self.ids = self.ids[-self._context :]
        self._cache: KVCache | None = None
        self._seen = torch.empty(0)

    def logits(self) -> NDArray[np.float32]:
        """float32 [V] for the token after those in view; only tokens that are new to the cache are computed."""
        with undisturbed(self._model):
            cache = self._current_cache()
            new = torch.tensor([self.ids[cache.length :]], device=cache.keys.device)  # [1, T]
            row: NDArray[np.float32] = last_logits(self._model, self._packed, new, cache)[0]
        return row

    def append(self, token_id: int) -> None:
        """Adds a token. When the view is full, its older half goes and the rest is read again at new positions."""
        self.ids.append(token_id)
        if len(self.ids) > self._context:
            keep = max(1, self._context // 2)
            self.ids = self.ids[-keep:]
            self._cache = None
            self.notes.append(
                f"The view of {self._context:,} tokens is full: the model goes on from the last {keep:,}."
            )

    def take_note(self) -> str:
        """What there is to say since it was last asked, "" for nothing."""
        note, self.notes = " ".join(self.notes), []
        return note

    def _current_cache(self) -> KVCache:
        """With room for all tokens in view; an empty one when the weights moved."""
        if self._cache is None:
            self._cache = self._new_cache()
            self._seen = self._probe()
        elif self._packed is None and not torch.equal(self._seen, self._probe()):
            self._cache.truncate(0)
            self._seen = self._probe()
        if self._cache.capacity < len(self.ids):
            self._cache = _moved(self._cache, self._new_cache())
        return self._cache

    def _new_cache(self) -> KVCache:
        """Not for the whole context, which may be 128,000 tokens, but for twice of what is there."""
        embedding = self._model.embedding.weight
        return KVCache(self._model.config, 1, embedding.dtype, embedding.device, max(_ROOM, 2 * len(self.ids)))

    def _probe(self) -> torch.Tensor:
        """Tells whether the weights moved: between two tokens the model may have trained, or its adapter was switched.
        A norm's, or an adapter's, because fused optimizers do not raise a tensor's version counter."""
        found = adapter_probe(self._model)
        if found is not None:
            return found
        weights = self._model.final_norm.weight
        assert isinstance(weights, torch.Tensor)
        return weights.detach().clone()


def _moved(old: KVCache, new: KVCache) -> KVCache:
    """`new`, which is larger, with what `old` holds."""
    new.keys[:, :, :, : old.length] = old.keys[:, :, :, : old.length]
    new.values[:, :, :, : old.length] = old.values[:, :, :, : old.length]
    new.advance(old.length)
    return new
