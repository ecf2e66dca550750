"""The feed-forward part of a block."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from engine.model import kernels
from engine.model.config import ModelConfig


class MLP(nn.Module):
    """GELU (Hendrycks and Gimpel 2016; tanh form as in GPT-2), squared ReLU (So et al. 2021), or one of the gated two:
    SwiGLU and GEGLU (Shazeer 2020), whose first matrix holds the gate above the value."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        inner = 2 * config.d_ff if config.gated else config.d_ff
        self.up = nn.Linear(config.d_model, inner, bias=config.has_bias("mlp"))
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.has_bias("mlp"))

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        return self.down(self._activate(self.up(x)))  # type: ignore[no-any-return]

    def _activate(self, h: Tensor) -> Tensor:
        if self.activation == "gelu":
            return functional.gelu(h, approximate="tanh")
        if self.activation == "relu2":
            return kernels.relu_squared(h) if self.training and kernels.fits(h) else functional.relu(h).square()
        gate, value = h.chunk(2, dim=-1)
        if self.activation == "swiglu":
            return functional.silu(gate) * value
        return functional.gelu(gate, approximate="tanh") * value
