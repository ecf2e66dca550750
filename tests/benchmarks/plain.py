"""The plain eager float32 loop that ours is compared with, written without anything of the engine.

The same model as the engine's own: rotary positions, RMSNorm before attention and MLP and on queries and keys, squared
ReLU, tied embeddings. Trained as nanoGPT and nanochat train on a CPU: cross entropy of all logits, clipping, AdamW.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.q_norm, self.k_norm = nn.RMSNorm(width // heads, eps=1e-5), nn.RMSNorm(width // heads, eps=1e-5)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            t.view(batch, length, self.heads, -1).transpose(1, 2) for t in self.qkv(self.first(x)).split(width, dim=2)
        )
        q, k = turned(self.q_norm(q), cos, sin), turned(self.k_norm(k), cos, sin)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.relu(self.up(self.second(x))).square())


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class PlainGPT(nn.Module):
    """Parameters stand in the order of the engine's, so that `copy_weights` can go by order and shape."""

    def __init__(self, vocabulary: int, context: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(PlainBlock(width, heads) for _ in range(layers))
        self.norm, self.head = nn.RMSNorm(width, eps=1e-5), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        size = width // heads
        angles = torch.outer(torch.arange(context), 10_000.0 ** (-torch.arange(0, size, 2) / size))
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.head(self.norm(x))


class PlainLoop:
    """One optimizer step a call."""

    def __init__(self, model: PlainGPT) -> None:
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, fused=True)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(self.model(inputs).flatten(0, 1), targets.flatten())

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        loss = self.loss(inputs, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())


def copy_weights(plain: PlainGPT, named: dict[str, Tensor]) -> None:
    """named: the engine's weights by its names."""
    names = {"tokens.weight": "embedding.weight", "norm.weight": "final_norm.weight"}
    parts = {
        "first": "attention_norm",
        "second": "mlp_norm",
        "q_norm": "attention.q_norm",
        "k_norm": "attention.k_norm",
        "qkv": "attention.qkv",
        "out": "attention.out",
        "up": "mlp.up",
        "down": "mlp.down",
    }
    with torch.no_grad():
        for name, weight in plain.named_parameters():
            if name not in names:
                _, layer, part, kind = name.split(".")
                names[name] = f"blocks.{layer}.{parts[part]}.{kind}"
            weight.copy_(named[names[name]])
