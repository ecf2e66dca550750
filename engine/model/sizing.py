"""What a model will cost, before it is built. Importing this file does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig, adapter_parameters, matrices

# What the process holds beside tensors: 380 MB with torch and the engine, 550 MB with the window around it (measured).
PROCESS_BYTES = 550e6
# Weights, gradients and AdamW's two averages in float32.
_BYTES_PER_PARAMETER = 16
# Every tenth step two copies more, to tell how far the weights moved.
_BYTES_OF_UPDATE = 8
_LOGITS_AT_ONCE = 64e6
# What passes by while gradients are computed, and what the allocator cannot use again (measured at 2M, 12M and 124M).
_PASSING = 1.12


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
    half: bool = True,
    lora: LoraConfig | None = None,
    new_rows: int = 0,
) -> Estimate:
    """tokens: of the whole training. micro_tokens: in one forward pass. flops_per_second: what training reaches
    on this machine, not its peak. extra_share: time for validation, samples and checkpoints. half: in bf16.
    lora: None where every weight learns; else the base is frozen, has no gradients and no averages, and is in no
    checkpoint. new_rows: of the embedding, for tokens that the base does not know, which learn with an adapter."""
    frozen = 0 if lora is None else model.parameters()
    learning = model.parameters() if lora is None else adapter_parameters(model, lora, new_rows)
    flops = model.flops_per_token()
    if lora is not None:  # a frozen matrix has no part in a third of the work, which is its own gradient
        flops += 6.0 * learning - 2.0 * model.matrix_parameters()
    passing = max(learning * _BYTES_OF_UPDATE, backward_bytes(model, micro_tokens, half, lora))
    return Estimate(
        parameters=model.parameters(),
        tokens=tokens,
        flops_per_token=flops,
        seconds=tokens * flops / flops_per_second * (1 + extra_share),
        memory_bytes=PROCESS_BYTES + frozen * 4 + learning * _BYTES_PER_PARAMETER + passing,
        disk_bytes=float(learning * 12 * checkpoints_kept),
    )


def backward_bytes(model: ModelConfig, micro_tokens: int, half: bool, lora: LoraConfig | None = None) -> float:
    """What a forward and a backward pass take at most, beside weights, gradients and averages. half: matrix products
    in bf16, for which autocast keeps a copy of every matrix."""
    copies = 2 * model.matrix_parameters() if half else 0
    # The head's gradient, and with a tied head the embedding's, which is added to it.
    head = 4 * model.vocab_size * model.d_model * (2 if model.tie_embeddings else 1) if lora is None else 0
    each = activation_bytes(model, micro_tokens, half) + (0 if lora is None else _inner_bytes(model, lora, half))
    return _PASSING * micro_tokens * each + copies + head + _LOGITS_AT_ONCE


def _inner_bytes(model: ModelConfig, lora: LoraConfig, half: bool) -> float:
    """What a token's products with A keep for those with B, and with dropout what they read."""
    size, kept = 2 if half else 4, 0
    for matrix in matrices(model).values():
        parts = len(matrix.chosen(lora.parts))
        kept += parts * lora.rank + (matrix.inputs if parts and lora.dropout else 0)
    return float(size * kept * len(lora.layers_of(model)))


def activation_bytes(model: ModelConfig, micro_tokens: int, half: bool = True) -> float:
    """Kept for the backward pass by each of the micro-batch's tokens: counted from the model's code, operation by
    operation (after Korthikanti et al. 2022, equation 2)."""
    size, d = 2 if half else 4, model.d_model
    heads = model.head_dim * (model.n_head + 2 * model.n_kv_head)
    stream = 4 * d * (4 if model.norm_place == "sandwich" else 2)
    mlp = model.d_ff * (4 if model.gated else 2)
    kept = 2 * d + 2 * heads + model.n_head * model.head_dim + mlp + _kept_pattern(model, micro_tokens)
    return float(model.n_layer * (stream + size * kept) + 12 * d)


def _kept_pattern(model: ModelConfig, micro_tokens: int) -> int:
    """Attention weights a token, in numbers: kept where all of them together are few, else computed again."""
    a_token = model.n_head * model.context_length
    return a_token if micro_tokens * a_token <= 2**23 else 0
