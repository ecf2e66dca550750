"""AdamW, and its state as plain tensors with names."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.errors import CutawayError
from engine.training.plan import TrainingConfig


def build_adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Loshchilov and Hutter 2019, fused. Weight decay on matrices only: norms and biases are left alone."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=1e-8,
        fused=True,
    )


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """ "exp_avg:blocks.0..." -> tensor, for every weight that was updated at least once."""
    found = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            found[f"{key}:{name}"] = value
    return found


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`. Raises CutawayError for a weight that the model does not have."""
    parameters = dict(model.named_parameters())
    for full, tensor in tensors.items():
        key, _, name = full.partition(":")
        if name not in parameters or (key != "step" and tensor.shape != parameters[name].shape):
            raise CutawayError(
                "The optimizer's state does not fit the model.",
                f"{full} has no counterpart of its shape.",
                "Resume with the configuration that the run began with.",
            )
        device = "cpu" if key == "step" and parameters[name].device.type == "cpu" else parameters[name].device
        optimizer.state[parameters[name]][key] = tensor.to(device).clone()


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value
