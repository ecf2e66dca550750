"""Which matrices receive a low-rank addition, and how wide. Importing this file does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.model.config import ModelConfig

Part = Literal["query", "key", "value", "out", "up", "gate", "down"]
PARTS: tuple[Part, ...] = ("query", "key", "value", "out", "up", "gate", "down")


class LoraConfig(BaseModel):
    """Hu et al. 2021: W becomes W + (alpha / rank) B A, and only A [rank, in] and B [out, rank] learn.

    dropout: share of the addition's input zeroed while training. parts: of each block; a part that a model does not
    have, as the gate of an MLP without one, is passed over. layers: the first block and the one behind the last; None
    for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=8, ge=1, le=4096)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    parts: tuple[Part, ...] = Field(default=PARTS, min_length=1)
    layers: tuple[int, int] | None = None

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def layers_of(self, model: ModelConfig) -> range:
        first, end = self.layers or (0, model.n_layer)
        return range(max(first, 0), min(end, model.n_layer))


@dataclass(frozen=True)
class Matrix:
    """One matrix of a block. parts: the rows of each part that is stored in it, in their order; all of them together
    are the matrix."""

    inputs: int
    parts: dict[Part, int]

    def chosen(self, parts: tuple[Part, ...]) -> list[tuple[Part, slice]]:
        """Those that are asked for, with their rows."""
        found, start = [], 0
        for part, rows in self.parts.items():
            if part in parts:
                found.append((part, slice(start, start + rows)))
            start += rows
        return found


def matrices(model: ModelConfig) -> dict[str, Matrix]:
    """By their names within a block."""
    query, key, d = model.n_head * model.head_dim, model.n_kv_head * model.head_dim, model.d_model
    up: dict[Part, int] = {"gate": model.d_ff, "up": model.d_ff} if model.gated else {"up": model.d_ff}
    return {
        "attention.qkv": Matrix(d, {"query": query, "key": key, "value": key}),
        "attention.out": Matrix(query, {"out": d}),
        "mlp.up": Matrix(d, up),
        "mlp.down": Matrix(model.d_ff, {"down": d}),
    }


def adapter_parameters(model: ModelConfig, lora: LoraConfig, embedding_rows: int = 0) -> int:
    """How many numbers learn. embedding_rows: of new tokens, for each of which a row of the embedding learns as well,
    and one of the head where that is another matrix."""
    each = 0
    for matrix in matrices(model).values():
        each += sum(lora.rank * (matrix.inputs + rows.stop - rows.start) for _, rows in matrix.chosen(lora.parts))
    return len(lora.layers_of(model)) * each + embedding_rows * model.d_model * (1 if model.tie_embeddings else 2)
