"""What moves the weights: AdamW, or Muon beside it; and its state as plain tensors with names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import CutawayError
from engine.model.lora import is_adapter
from engine.model.transformer import Transformer
from engine.training.muon import Matrix, Muon
from engine.training.plan import TrainingConfig
from engine.training.precision import Precision


class Joined(torch.optim.Optimizer):
    """Several optimizers as one: one `step`, one list of groups, one state. Each has weights of its own."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.parts = parts
        for part in parts:
            part.state = self.state

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        if closure is not None:
            raise ValueError("several optimizers take no closure")
        for part in self.parts:
            part.step()


def build_optimizer(model: Transformer, config: TrainingConfig, precision: Precision) -> torch.optim.Optimizer:
    """As `config.optimizer` names it. Muon takes the matrices of the blocks, AdamW what it is not made for: adapters
    too, whose products with each other count."""
    matrices = [] if config.optimizer == "adamw" else block_matrices(model)
    if not matrices:
        return build_adamw(model, config)
    muon = Muon(
        matrices,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        dtype=torch.float32 if precision.dtype == "float32" else torch.bfloat16,
    )
    return Joined(muon, build_adamw(model, config, without={matrix.weight for matrix in matrices}))


def build_adamw(
    model: nn.Module, config: TrainingConfig, without: set[nn.Parameter] | frozenset[nn.Parameter] = frozenset()
) -> torch.optim.AdamW:
    """Loshchilov and Hutter 2019, fused. Weight decay on matrices only: norms and biases are left alone."""
    parameters = [p for p in model.parameters() if p.requires_grad and p not in without]
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


def block_matrices(model: Transformer) -> list[Matrix]:
    """Every matrix of the blocks; those that are stored as one are told apart."""
    config = model.config
    query, key = config.n_head * config.head_dim, config.n_kv_head * config.head_dim
    parts: dict[str, tuple[int, ...]] = {"attention.qkv.weight": (query, key, key)}
    if config.gated:
        parts["mlp.up.weight"] = (config.d_ff, config.d_ff)
    return [
        Matrix(weight, parts.get(name.split(".", 1)[1], (len(weight),)))
        for name, weight in model.blocks.named_parameters()
        if weight.ndim == 2 and weight.requires_grad and not is_adapter(name)
    ]


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """ "exp_avg:blocks.0..." -> tensor, for every weight that was updated at least once."""
    found = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            found[f"{key}:{name}"] = value
    return found


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`. Raises CutawayError for a weight that the model does not have, and for the
    state of another optimizer."""
    parameters = dict(model.named_parameters())
    muons = {p for group in optimizer.param_groups if "rows" in group for p in group["params"]}
    for full, tensor in tensors.items():
        key, _, name = full.partition(":")
        if name not in parameters or (key != "step" and tensor.shape != parameters[name].shape):
            raise _unfit(f"{full} has no counterpart of its shape.")
        if (key == "momentum_buffer") != (parameters[name] in muons):
            raise _unfit(f"{full} was written by another optimizer.")
        device = "cpu" if key == "step" and parameters[name].device.type == "cpu" else parameters[name].device
        optimizer.state[parameters[name]][key] = tensor.to(device).clone()


def _unfit(why: str) -> CutawayError:
    return CutawayError(
        "The optimizer's state does not fit the model.", why, "Resume with the configuration that the run began with."
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value


def withhold(optimizer: torch.optim.Optimizer, when: Tensor) -> None:
    """The next `step` changes nothing where `when` is true: [] of bool on the device, which is not asked for it."""
    for part in optimizer.parts if isinstance(optimizer, Joined) else (optimizer,):
        part.found_inf = when.float()  # type: ignore[attr-defined]
