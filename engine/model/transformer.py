"""The one decoder-only Transformer that every configuration builds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks.attention import Attention
from engine.model.blocks.mlp import MLP
from engine.model.blocks.norm import build_norm
from engine.model.blocks.rotary import rotary_tables
from engine.model.config import ModelConfig
from engine.model.hooks import NO_HOOKS, Hooks
from engine.model.kv_cache import KVCache


class Block(nn.Module):
    """Pre-norm residual block: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.name = f"block.{layer}"
        self.dropout = config.dropout
        self.attention_norm = build_norm(config)
        self.attention = Attention(config, layer)
        self.mlp_norm = build_norm(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None, cache: KVCache | None, hooks: Hooks) -> Tensor:
        attended = hooks(f"{self.name}.attention.out", self.attention(self.attention_norm(x), rotary, cache, hooks))
        x = x + self._drop(attended)
        x = x + self._drop(hooks(f"{self.name}.mlp.out", self.mlp(self.mlp_norm(x))))
        return hooks(f"{self.name}.out", x)

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x


class Transformer(nn.Module):
    """Token ids in, logits of the next token out.

    Weights: normal with std 0.02, projections back into the stream divided by sqrt(2 n_layer) as in GPT-2
    (Radford et al. 2019), so that the stream's size does not grow with depth.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context_length, config.d_model) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.final_norm = build_norm(config)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        cos, sin = rotary_tables(config.head_dim, config.context_length, config.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._initialise)
        for name, weight in self.named_parameters():
            if name.endswith(("attention.out.weight", "mlp.down.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.n_layer))
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, input_ids: Tensor, cache: KVCache | None = None, hooks: Hooks | None = None) -> Tensor:
        """input_ids: [B, T] of int64 -> logits [B, T, V] in float32. With a cache, T new tokens after its length.

        Raises ValueError when the tokens do not fit the context.
        """
        return self.head(self.hidden(input_ids, cache, hooks)).float()  # type: ignore[no-any-return]

    def hidden(self, input_ids: Tensor, cache: KVCache | None = None, hooks: Hooks | None = None) -> Tensor:
        """What the head reads: [B, T] -> [B, T, D] after the final norm."""
        start, length = (cache.length if cache else 0), input_ids.shape[1]
        if start + length > self.config.context_length:
            raise ValueError(f"{start + length} tokens do not fit a context of {self.config.context_length}")
        watch = hooks or NO_HOOKS
        x = self.embedding(input_ids)  # [B, T, D]
        rotary = None
        if self.positions is not None:
            x = x + self.positions(torch.arange(start, start + length, device=input_ids.device))
        else:
            rotary = (self.cos[start : start + length], self.sin[start : start + length])
        x = watch("embed", x)
        if self.config.dropout:
            x = functional.dropout(x, self.config.dropout, self.training)
        for block in self.blocks:
            x = block(x, rotary, cache, watch)
        if cache is not None:
            cache.advance(length)
        return watch("final_norm", self.final_norm(x))
