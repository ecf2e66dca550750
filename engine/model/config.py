"""What a model is, in numbers. Importing this file does not import torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RopeScaling(BaseModel):
    """How rotary frequencies are stretched for texts longer than those of pretraining.

    linear: every frequency divided by `factor`. llama3: only wavelengths longer than original_context /
    low_frequency_factor in full, those shorter than original_context / high_frequency_factor not at all, and smoothly
    between (Llama 3.1's published code).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["linear", "llama3"]
    factor: float = Field(gt=0)
    low_frequency_factor: float = Field(default=1.0, gt=0)
    high_frequency_factor: float = Field(default=4.0, gt=0)
    original_context: int = Field(default=8192, ge=1)


class ModelConfig(BaseModel):
    """The shape of one decoder-only Transformer.

    family: whose file format and habits it follows; what is computed stands in the other fields alone.
    d_ff: inner width of the MLP; swiglu and geglu have three matrices of it, the others two.
    n_kv_head: key/value heads, each shared by n_head / n_kv_head query heads (grouped-query attention).
    head_width: None for d_model / n_head.
    norm_place: "pre" before attention and MLP, "post" on what they add (OLMo 2), "sandwich" both (Gemma 2).
    norm_offset: RMSNorm multiplies by 1 + weight (Gemma). norm_eps: inside the root.
    positions: "rope" rotates queries and keys (Su et al. 2021); "learned" adds a table (GPT-2).
    rope_local_theta: of the layers with a window, unscaled (Gemma 3); None for rope_theta everywhere.
    window: how many tokens a query sees, itself included; None for all. windowed_layers: which layers have it; None
    for all of them.
    query_scale: scores are queries times keys times this; None for 1 / sqrt(head width).
    attention_softcap, logit_softcap: x becomes cap * tanh(x / cap) (Gemma 2).
    qk_norm: RMSNorm of queries and keys, over each head's width, or over all heads together (qk_norm_over).
    bias: of every matrix; qkv_bias, out_bias and mlp_bias override it where they are not None.
    embedding_scaled: embeddings times sqrt(d_model) (Gemma).
    dropout: share of activations zeroed while training, 0 to below 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: int = Field(ge=2, le=1_000_000)
    context_length: int = Field(ge=2, le=1_048_576)
    n_layer: int = Field(ge=1, le=200)
    n_head: int = Field(ge=1, le=256)
    n_kv_head: int = Field(ge=1, le=256)
    d_model: int = Field(ge=4, le=32_768)
    d_ff: int = Field(ge=4, le=131_072)
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    positions: Literal["rope", "learned"] = "rope"
    activation: Literal["swiglu", "geglu", "gelu", "relu2"] = "relu2"
    qk_norm: bool = True
    bias: bool = False
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    tie_embeddings: bool = True
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)
    family: Literal["cutaway", "gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "olmo2"] = "cutaway"
    head_width: int | None = Field(default=None, ge=1, le=1024)
    norm_place: Literal["pre", "post", "sandwich"] = "pre"
    norm_offset: bool = False
    qk_norm_over: Literal["head", "width"] = "head"
    qkv_bias: bool | None = None
    out_bias: bool | None = None
    mlp_bias: bool | None = None
    rope_scaling: RopeScaling | None = None
    rope_local_theta: float | None = Field(default=None, gt=0)
    window: int | None = Field(default=None, ge=1)
    windowed_layers: tuple[bool, ...] | None = None
    query_scale: float | None = Field(default=None, gt=0)
    attention_softcap: float | None = Field(default=None, gt=0)
    logit_softcap: float | None = Field(default=None, gt=0)
    embedding_scaled: bool = False

    @model_validator(mode="after")
    def _heads_fit(self) -> ModelConfig:
        if self.head_width is None and self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} cannot be divided among {self.n_head} heads")
        if self.n_head % self.n_kv_head:
            raise ValueError(f"{self.n_head} heads cannot share {self.n_kv_head} key/value heads evenly")
        if self.positions == "rope" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head width, and it is {self.head_dim}")
        if self.windowed_layers is not None and len(self.windowed_layers) != self.n_layer:
            raise ValueError(f"windowed_layers names {len(self.windowed_layers)} layers of {self.n_layer}")
        return self

    @property
    def head_dim(self) -> int:
        return self.head_width or self.d_model // self.n_head

    @property
    def gated(self) -> bool:
        return self.activation in ("swiglu", "geglu")

    @property
    def mlp_matrices(self) -> int:
        return 3 if self.gated else 2

    def window_of(self, layer: int) -> int | None:
        """How many tokens a query of this layer sees; None for all, and where the window holds the whole context."""
        if self.window is None or (self.windowed_layers is not None and not self.windowed_layers[layer]):
            return None
        return self.window if self.window < self.context_length else None

    def uses_local_rope(self, layer: int) -> bool:
        """Whether the layer rotates by `rope_local_theta`: by what it is, even where its window never shows."""
        windowed = self.window is not None and (self.windowed_layers is None or self.windowed_layers[layer])
        return self.rope_local_theta is not None and windowed

    def has_bias(self, matrix: Literal["qkv", "out", "mlp"]) -> bool:
        own = {"qkv": self.qkv_bias, "out": self.out_bias, "mlp": self.mlp_bias}[matrix]
        return self.bias if own is None else own

    def matrix_parameters(self) -> int:
        """Weights that multiply every token: blocks and head, without embedding look-ups, norms and biases."""
        attention = self.d_model * self.head_dim * (2 * self.n_head + 2 * self.n_kv_head)
        mlp = self.mlp_matrices * self.d_model * self.d_ff
        return self.n_layer * (attention + mlp) + self.vocab_size * self.d_model

    def parameters(self) -> int:
        """All weights; equal to what torch counts for the built model."""
        d = self.d_model
        norm = 2 * d if self.norm == "layernorm" else d
        block = norm * (4 if self.norm_place == "sandwich" else 2) + self._qk_norm_weights()
        if self.has_bias("qkv"):
            block += self.head_dim * (self.n_head + 2 * self.n_kv_head)
        block += d if self.has_bias("out") else 0
        block += (self.mlp_matrices - 1) * self.d_ff + d if self.has_bias("mlp") else 0
        total = self.matrix_parameters() + self.n_layer * block + norm
        total += 0 if self.tie_embeddings else self.vocab_size * d
        return total + (self.context_length * d if self.positions == "learned" else 0)

    def _qk_norm_weights(self) -> int:
        if not self.qk_norm:
            return 0
        return self.head_dim * (2 if self.qk_norm_over == "head" else self.n_head + self.n_kv_head)

    def flops_per_token(self) -> float:
        """Forward and backward, 6 N plus attention over a full context, or a full window where a layer has one
        (Chowdhery et al. 2022, appendix B)."""
        seen = sum(self.window_of(layer) or self.context_length for layer in range(self.n_layer))
        return 6.0 * self.matrix_parameters() + 12.0 * self.n_head * self.head_dim * seen
