"""A model's weights as named tensors, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.errors import CutawayError
from engine.model.lora import active_weight, is_adapter, is_merged
from engine.model.transformer import Transformer


def weights(model: Transformer) -> dict[str, Tensor]:
    """By name, each once: a tied head is the embedding and is not written twice. Those of the base where an adapter is
    attached, and with the adapter in them where it is merged."""
    tied = {"head.weight"} if model.config.tie_embeddings else set()
    own = {name: tensor for name, tensor in model.state_dict().items() if name not in tied and not is_adapter(name)}
    if is_merged(model):
        own["embedding.weight"] = active_weight(model.embedding)
        if not tied:
            own["head.weight"] = active_weight(model.head)
    return own


def load_weights(model: Transformer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `weights`. Raises CutawayError when a tensor is missing, unknown or of another shape."""
    own = weights(model)
    wrong = sorted(set(own) ^ set(tensors)) or [name for name in own if own[name].shape != tensors[name].shape]
    if wrong:
        raise CutawayError(
            "The weights do not fit the model.",
            f"{wrong[0]} is missing, unknown or of another shape.",
            "Use the configuration that they were trained with.",
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
