"""Models that do not fit one device: every process keeps a share of each weight, of its gradient and of the optimizer's
averages (FSDP, Zhao et al. 2023; torch's second version). A block's weights are whole only while it computes.

It is a plain option: AdamW only, no samples while it trains, and the whole model must fit the processor's memory once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from engine.control import Control
from engine.errors import CutawayError
from engine.events import ProcessesMeasured
from engine.model.transformer import Transformer
from engine.training.distributed import Group, Ranks
from engine.training.plan import TrainingConfig
from engine.training.ranks import Turn


class Shards(Ranks):
    """Call `shard` before the optimizer is made: it must see the shares."""

    together = True

    def __init__(self, group: Group, control: Control, device: torch.device) -> None:
        super().__init__(group, control, device)
        self._mesh = init_device_mesh(device.type, (self.size,))
        self._model: FSDPModule | None = None

    def shard(self, model: Transformer) -> None:
        for module in (*model.blocks, model):
            part = fully_shard(module, mesh=self._mesh)
            # The shares of a batch add up to the whole: sums, not means.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
        register_fsdp_forward_method(model, "hidden")
        self._model = part

    def join(self, objective: nn.Module) -> nn.Module:
        return objective

    @contextmanager
    def passing(self, turn: Turn, tokens: int) -> Iterator[None]:
        del tokens
        assert self._model is not None
        self._model.set_requires_gradient_sync(turn.last)
        yield

    def clip(self, parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
        gradients = [local(p.grad) for p in parameters if p.grad is not None]
        squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
        dist.all_reduce(squares)
        norm = squares.sqrt()
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
        return norm

    def whole(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """On the CPU, put together one at a time. All processes must call it at the same moment."""
        return {name: (t.full_tensor() if isinstance(t, DTensor) else t).detach().cpu() for name, t in tensors.items()}

    def spread(self, tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        own: dict[str, Tensor] = dict(model.named_parameters())
        shares = {}
        for name, tensor in tensors.items():
            like = own.get(name.rpartition(":")[2])
            if isinstance(like, DTensor) and like.shape == tensor.shape:
                tensor = distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
            shares[name] = tensor
        return shares

    def measured(self, step: int) -> ProcessesMeasured | None:
        """Weights and gradients travel all the time, so that waiting cannot be told from computing."""
        del step
        return None


def refuse_to_shard(training: TrainingConfig) -> None:
    """Raises CutawayError for what needs whole matrices."""
    wanted = "Muon" if training.optimizer == "muon" else "torch.compile" if training.compile else ""
    if wanted:
        raise CutawayError(
            f"{wanted} does not work with shared weights here.",
            "Each process holds a share of every matrix, and it needs them whole.",
            "Set shard = false if the model fits each device, or choose AdamW without compiling.",
        )


def local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
