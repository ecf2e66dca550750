"""The feed-forward part of a block."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from engine.model.config import ModelConfig


class MLP(nn.Module):
    """GELU (Hendrycks and Gimpel 2016; tanh form as in GPT-2), SwiGLU (Shazeer 2020), squared ReLU (So et al. 2021)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        inner = 2 * config.d_ff if config.activation == "swiglu" else config.d_ff
        self.up = nn.Linear(config.d_model, inner, bias=config.bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        h = self.up(x)
        if self.activation == "swiglu":
            gate, value = h.chunk(2, dim=-1)
            h = functional.silu(gate) * value
        elif self.activation == "gelu":
            h = functional.gelu(h, approximate="tanh")
        else:
            h = functional.relu(h).square()
        return self.down(h)  # type: ignore[no-any-return]
