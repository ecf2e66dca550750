"""What a model is, in numbers. Importing this file does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModelConfig(BaseModel):
    """The shape of one decoder-only Transformer.

    d_ff: inner width of the MLP; swiglu has three matrices of it, the others two.
    n_kv_head: key/value heads, each shared by n_head / n_kv_head query heads (grouped-query attention).
    positions: "rope" rotates queries and keys (Su et al. 2021); "learned" adds a table (GPT-2).
    dropout: share of activations zeroed while training, 0 to below 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: int = Field(ge=2, le=1_000_000)
    context_length: int = Field(ge=2, le=131_072)
    n_layer: int = Field(ge=1, le=200)
    n_head: int = Field(ge=1, le=256)
    n_kv_head: int = Field(ge=1, le=256)
    d_model: int = Field(ge=4, le=32_768)
    d_ff: int = Field(ge=4, le=131_072)
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    positions: Literal["rope", "learned"] = "rope"
    activation: Literal["swiglu", "gelu", "relu2"] = "relu2"
    qk_norm: bool = True
    bias: bool = False
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    tie_embeddings: bool = True
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)

    @model_validator(mode="after")
    def _heads_fit(self) -> ModelConfig:
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} cannot be divided among {self.n_head} heads")
        if self.n_head % self.n_kv_head:
            raise ValueError(f"{self.n_head} heads cannot share {self.n_kv_head} key/value heads evenly")
        if self.positions == "rope" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head width, and {self.d_model}/{self.n_head} is odd")
        return self

    @property
    def head_dim(self) -> int:
        return self.d_model // self.n_head

    @property
    def mlp_matrices(self) -> int:
        return 3 if self.activation == "swiglu" else 2

    def matrix_parameters(self) -> int:
        """Weights that multiply every token: blocks and head, without embedding look-ups, norms and biases."""
        attention = self.d_model * self.head_dim * (2 * self.n_head + 2 * self.n_kv_head)
        mlp = self.mlp_matrices * self.d_model * self.d_ff
        return self.n_layer * (attention + mlp) + self.vocab_size * self.d_model

    def parameters(self) -> int:
        """All weights; equal to what torch counts for the built model."""
        d, widths = self.d_model, self.head_dim * (self.n_head + 2 * self.n_kv_head)
        norm = 2 * d if self.norm == "layernorm" else d
        block = 2 * norm + (2 * self.head_dim if self.qk_norm else 0)
        if self.bias:
            block += widths + d + (self.mlp_matrices - 1) * self.d_ff + d
        total = self.matrix_parameters() + self.n_layer * block + norm
        total += 0 if self.tie_embeddings else self.vocab_size * d
        return total + (self.context_length * d if self.positions == "learned" else 0)

    def flops_per_token(self) -> float:
        """Forward and backward, 6 N plus attention over a full context (Chowdhery et al. 2022, appendix B)."""
        return 6.0 * self.matrix_parameters() + 12.0 * self.n_layer * self.d_model * self.context_length
