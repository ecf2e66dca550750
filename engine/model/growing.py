"""A model with more tokens: a row of the embedding, and of the head, for each special token that it did not know."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights

_SPREAD = 0.02


def with_tokens(model: Transformer, vocab_size: int, seed: int) -> Transformer:
    """The same model with `vocab_size` tokens, not fewer than before; the model itself where it has as many.

    New rows are the mean of the old ones (Hewitt 2021), so that what the model says of all other tokens changes as
    little as can be, and a little noise, so that they are not one token.
    """
    more = vocab_size - model.config.vocab_size
    if more < 0:
        raise ValueError(f"{vocab_size} tokens are fewer than the model's {model.config.vocab_size}")
    if more == 0:
        return model
    grown = Transformer.empty(model.config.model_copy(update={"vocab_size": vocab_size}))
    known = weights(model)
    random = torch.Generator().manual_seed(seed)
    for name in ("embedding.weight", "head.weight"):
        if name in known:
            known[name] = _grown(known[name], more, random)
    load_weights(grown, known)
    return grown


def _grown(rows: Tensor, more: int, random: torch.Generator) -> Tensor:
    noise = torch.randn(more, rows.shape[1], generator=random) * _SPREAD
    return torch.cat((rows, rows.float().mean(0) + noise))
