"""The one decoder-only Transformer that every configuration builds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.blocks.attention import Attention
from engine.model.blocks.mlp import MLP
from engine.model.blocks.norm import build_norm
from engine.model.blocks.placement import Placement, Rotary
from engine.model.blocks.rotary import rotary_tables
from engine.model.config import ModelConfig
from engine.model.hooks import NO_HOOKS, Hooks
from engine.model.kv_cache import KVCache
from engine.model.lora_config import LoraConfig
from engine.model.lora_modules import GrownHead

# Rotary tables of a long context are only made as far as texts really go: 128,000 positions would take 130 MB.
_FIRST_TABLE = 4096


class Block(nn.Module):
    """Residual block: x + attention(norm(x)), then x + mlp(norm(x)); the norm may stand behind, or on both sides."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.name = f"block.{layer}"
        self.dropout = config.dropout
        before, behind = config.norm_place != "post", config.norm_place != "pre"
        self.attention_norm = build_norm(config) if before else nn.Identity()
        self.attention = Attention(config, layer)
        self.attention_post_norm = build_norm(config) if behind else nn.Identity()
        self.mlp_norm = build_norm(config) if before else nn.Identity()
        self.mlp = MLP(config)
        self.mlp_post_norm = build_norm(config) if behind else nn.Identity()

    def forward(self, x: Tensor, placement: Placement, cache: KVCache | None, hooks: Hooks) -> Tensor:
        attended = self.attention_post_norm(self.attention(self.attention_norm(x), placement, cache, hooks))
        x = x + self._drop(hooks(f"{self.name}.attention.out", attended))
        x = x + self._drop(hooks(f"{self.name}.mlp.out", self.mlp_post_norm(self.mlp(self.mlp_norm(x)))))
        return hooks(f"{self.name}.out", x)

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x


class Transformer(nn.Module):
    """Token ids in, logits of the next token out.

    Weights: normal with std 0.02, projections back into the stream divided by sqrt(2 n_layer) as in GPT-2
    (Radford et al. 2019), so that the stream's size does not grow with depth.

    adapter: what is attached (`engine.model.lora`), or None.
    """

    adapter: LoraConfig | None = None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context_length, config.d_model) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.final_norm = build_norm(config)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self._tables: dict[bool, Rotary] = {}
        self.apply(self._initialise)
        for name, weight in self.named_parameters():
            if name.endswith(("attention.out.weight", "mlp.down.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.n_layer))
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight

    @classmethod
    def empty(cls, config: ModelConfig, device: str | torch.device = "cpu") -> Transformer:
        """For weights that are about to be loaded: no time is spent on initial values, and memory holds anything."""
        with torch.device("meta"):
            model = cls(config)
        model.to_empty(device=device)
        if config.tie_embeddings:
            model.head.weight = model.embedding.weight
        return model

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(
        self,
        input_ids: Tensor,
        cache: KVCache | None = None,
        hooks: Hooks | None = None,
        lengths: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor:
        """input_ids: [B, T] of int64 -> logits [B, T, V] in float32. With a cache, T new tokens after its length.

        lengths: [B] of int64 for rows of unequal length, padded on the left: real tokens of each row. A cache remembers
        them. What stands in padding has logits without meaning.
        segments: [B, T] of int64, never falling along T, for rows that hold several texts: each token sees the tokens
        of its own segment, and the logits are those of each text alone. Not with a cache or lengths.
        Raises ValueError when the tokens do not fit the context.
        """
        return self.logits(self.hidden(input_ids, cache, hooks, lengths, segments))

    def logits(self, hidden: Tensor) -> Tensor:
        """What `hidden` gave -> logits, [..., D] -> [..., V] in float32."""
        logits: Tensor = self.head(hidden).float()
        cap = self.config.logit_softcap
        return logits if cap is None else cap * (logits / cap).tanh()

    def new_rows(self) -> Tensor | None:
        """[k, D], what the head's last rows are while they learn beside a frozen matrix; None where they do not."""
        return self.head.tail if isinstance(self.head, GrownHead) and self.head.enabled else None

    def hidden(
        self,
        input_ids: Tensor,
        cache: KVCache | None = None,
        hooks: Hooks | None = None,
        lengths: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor:
        """What the head reads: [B, T] -> [B, T, D] after the final norm."""
        placement = self._place(input_ids, cache, lengths, segments)
        watch = hooks or NO_HOOKS
        x = self.embedding(input_ids)  # [B, T, D]
        if self.config.embedding_scaled:
            x = x * math.sqrt(self.config.d_model)
        if self.positions is not None:
            x = x + self.positions(placement.positions())
        x = watch("embed", x)
        if self.config.dropout:
            x = functional.dropout(x, self.config.dropout, self.training)
        for block in self.blocks:
            x = block(x, placement, cache, watch)
        if cache is not None:
            cache.advance(placement.length)
        return watch("final_norm", self.final_norm(x))

    def _place(
        self, input_ids: Tensor, cache: KVCache | None, lengths: Tensor | None, segments: Tensor | None
    ) -> Placement:
        start, length = (cache.length if cache else 0), input_ids.shape[1]
        if start + length > self.config.context_length:
            raise ValueError(f"{start + length} tokens do not fit a context of {self.config.context_length}")
        if segments is not None and (cache is not None or lengths is not None):
            raise ValueError("segments are for whole rows, without a cache and without padding on the left")
        padding = cache.padding if cache is not None else None
        if lengths is not None:
            if start:
                raise ValueError("lengths are told with a row's first tokens, before a cache holds any")
            padding = (length - lengths).to(input_ids.device)
            if cache is not None:
                cache.padding = padding
        placement = Placement(start, length, padding, input_ids.device, segments)
        if self.positions is None:
            placement.rotary = self._rotary(placement, local=False)
            if self.config.rope_local_theta is not None:
                placement.local_rotary = self._rotary(placement, local=True)
        return placement

    def _rotary(self, placement: Placement, local: bool) -> Rotary:
        cos, sin = self._table(local, placement.end, self.embedding.weight.device)
        positions = placement.positions()
        if positions.ndim == 1:
            return cos[placement.start : placement.end], sin[placement.start : placement.end]
        return cos[positions].unsqueeze(1), sin[positions].unsqueeze(1)

    def _table(self, local: bool, length: int, device: torch.device) -> Rotary:
        """local: of the layers that rotate by another base, unscaled."""
        known = self._tables.get(local)
        if known is None or len(known[0]) < length or known[0].device != device:
            config = self.config
            theta = config.rope_local_theta if local else config.rope_theta
            scaling = None if local else config.rope_scaling
            longest = config.context_length
            size = longest if longest <= _FIRST_TABLE else min(longest, max(_FIRST_TABLE, 2 * length))
            with torch.inference_mode(False):  # training goes on with tables that an evaluation made
                cos, sin = rotary_tables(config.head_dim, size, theta or config.rope_theta, scaling)
                known = self._tables[local] = (cos.to(device), sin.to(device))
        return known
