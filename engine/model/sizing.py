"""What a model will cost, before it is built. Importing this file does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.config import ModelConfig

# What the process holds beside tensors: 330 MB with torch and numpy, up to 500 MB with the window around it (measured).
_PROCESS_BYTES = 500e6
# Weights, gradients and AdamW's two averages in float32.
_BYTES_PER_PARAMETER = 16


@dataclass(frozen=True)
class Estimate:
    """seconds: of pretraining alone. disk_bytes: of the checkpoints that are kept."""

    parameters: int
    tokens: int
    flops_per_token: float
    seconds: float
    memory_bytes: float
    disk_bytes: float


def estimate(
    model: ModelConfig,
    *,
    tokens: int,
    micro_tokens: int,
    flops_per_second: float,
    checkpoints_kept: int = 3,
    extra_share: float = 0.06,
) -> Estimate:
    """tokens: of the whole training. micro_tokens: in one forward pass. flops_per_second: what training reaches
    on this machine, not its peak. extra_share: time for validation, samples and checkpoints."""
    parameters = model.parameters()
    seconds = tokens * model.flops_per_token() / flops_per_second * (1 + extra_share)
    return Estimate(
        parameters=parameters,
        tokens=tokens,
        flops_per_token=model.flops_per_token(),
        seconds=seconds,
        memory_bytes=_PROCESS_BYTES + parameters * _BYTES_PER_PARAMETER + micro_tokens * activation_bytes(model),
        disk_bytes=float(parameters * 12 * checkpoints_kept),
    )


def activation_bytes(model: ModelConfig) -> float:
    """Kept for the backward pass, per token, in mixed precision: the stream and norms in float32, projections
    and attention in bf16, logits and their gradient in float32 (after Korthikanti et al. 2022, equation 2)."""
    block = 28 * model.d_model + 4 * model.mlp_matrices * model.d_ff + 6 * model.n_head * model.context_length
    return float(model.n_layer * block + 16 * model.vocab_size + 8 * model.d_model)
