"""What tensors a configuration asks for, before any of them takes memory."""

from __future__ import annotations

from engine.model.config import ModelConfig


def state_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Our names and shapes, from the model itself, built on torch's device that holds nothing."""
    import torch

    from engine.model.transformer import Transformer
    from engine.model.weights import weights

    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in weights(Transformer(config)).items()}
