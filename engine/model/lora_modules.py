"""The modules that stand in a model's places while an adapter is attached. They share the weights of those before them,
under the same names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.model.lora_config import Part


class LoraLinear(nn.Linear):
    """x W^T + b + scale drop(x) A^T B^T, each part of the rows with an A and a B of its own.

    lora_a: [parts * rank, in], those of all parts below each other, so that one product reads x for all of them.
    lora_b: [rows of all parts, rank], likewise. The frozen product stays one as well.
    """

    def __init__(
        self, base: nn.Linear, parts: Sequence[tuple[Part, slice]], rank: int, scale: float, dropout: float
    ) -> None:
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.parts, self.rank, self.scale, self.dropout = list(parts), rank, scale, dropout
        self.enabled = True
        self.kept: Tensor | None = None  # the weight before it was merged
        count = sum(rows.stop - rows.start for _, rows in self.parts)
        self.lora_a = nn.Parameter(base.weight.detach().new_zeros(len(self.parts) * rank, base.in_features))
        self.lora_b = nn.Parameter(base.weight.detach().new_zeros(count, rank))

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> Self:
        """A as Kaiming-uniform as torch's own Linear and peft have it, B = 0: nothing is changed yet."""
        bound = 1 / math.sqrt(self.in_features)
        self.lora_a.copy_(torch.empty(self.lora_a.shape).uniform_(-bound, bound, generator=random))
        self.lora_b.zero_()
        return self

    def pieces(self) -> dict[Part, tuple[Tensor, Tensor]]:
        """A [rank, in] and B [rows, rank] of each part, as views."""
        found, start = {}, 0
        for index, (part, rows) in enumerate(self.parts):
            end = start + rows.stop - rows.start
            found[part] = self.lora_a[index * self.rank : (index + 1) * self.rank], self.lora_b[start:end]
            start = end
        return found

    @torch.no_grad()
    def whole(self) -> Tensor:
        """W + scale B A, in memory of its own; products in float32 at least."""
        total = (self.weight if self.kept is None else self.kept).clone()
        for (_, rows), (a, b) in zip(self.parts, self.pieces().values(), strict=True):
            total[rows].add_((b @ a).to(total.dtype), alpha=self.scale)
        return total

    def forward(self, input: Tensor) -> Tensor:
        if not self.enabled or self.kept is not None:
            return functional.linear(input, self.weight, self.bias)
        flat = input.reshape(-1, self.in_features)  # what a product of more dimensions gives may be a view
        y = functional.linear(flat, self.weight, self.bias)
        flat = functional.dropout(flat, self.dropout, self.training) if self.dropout else flat
        inner = functional.linear(flat, self.lora_a)  # [N, parts * rank]
        rows = [rows for _, rows in self.parts]
        y = _add_parts(y, inner, self.lora_b, rows, self.scale)
        return y.view(*input.shape[:-1], self.out_features)


def _add_parts(y: Tensor, inner: Tensor, b: Tensor, rows: list[slice], scale: float) -> Tensor:
    return _AddParts.apply(y, inner, b, rows, scale)  # type: ignore[no-any-return, no-untyped-call]


class _AddParts(torch.autograd.Function):
    """y [N, out] += scale inner_i B_i^T in the rows of each part i. In place: y is the largest tensor here, and its own
    product does not need it again."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, inner: Tensor, b: Tensor, rows: list[slice], scale: float) -> Tensor:
        ctx.rows, ctx.scale, ctx.dtype, rank = rows, scale, b.dtype, b.shape[1]
        b = b.to(y.dtype)
        for index, (own, part) in enumerate(_pieces(rows)):
            y[:, own].addmm_(inner[:, index * rank : (index + 1) * rank], b[part].t(), alpha=scale)
        ctx.save_for_backward(inner, b)
        ctx.mark_dirty(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        inner, b = ctx.saved_tensors
        rank = b.shape[1]
        dinner, db = torch.empty_like(inner), torch.empty_like(b)
        for index, (own, part) in enumerate(_pieces(ctx.rows)):
            columns = slice(index * rank, (index + 1) * rank)
            torch.mm(gradient[:, own], b[part], out=dinner[:, columns])
            torch.mm(gradient[:, own].t(), inner[:, columns], out=db[part])
        return gradient, dinner.mul_(ctx.scale), db.to(ctx.dtype).mul_(ctx.scale), None, None


def _pieces(rows: list[slice]) -> list[tuple[slice, slice]]:
    """Where each part stands in the matrix, and where in B."""
    found, start = [], 0
    for own in rows:
        end = start + own.stop - own.start
        found.append((own, slice(start, end)))
        start = end
    return found


class GrownEmbedding(nn.Embedding):
    """The last rows learn, all others are frozen. tail: [k, D], takes the place of the last k rows of `weight`."""

    def __init__(self, base: nn.Embedding, rows: int) -> None:
        super().__init__(base.num_embeddings, base.embedding_dim, device="meta")
        self.weight = base.weight
        self.tail = nn.Parameter(base.weight.detach()[-rows:].clone())
        self.enabled = True

    def forward(self, input: Tensor) -> Tensor:
        x = functional.embedding(input, self.weight)
        if not self.enabled:
            return x
        place = input - (self.num_embeddings - len(self.tail))
        own = functional.embedding(place.clamp_min(0), self.tail)
        return torch.where((place >= 0).unsqueeze(-1), own, x)

    def whole(self) -> Tensor:
        return whole_rows(self.weight, self.tail)


class GrownHead(nn.Linear):
    """The same for the head; `tail` is the embedding's own where both are one matrix."""

    def __init__(self, base: nn.Linear, rows: int, tail: nn.Parameter | None) -> None:
        super().__init__(base.in_features, base.out_features, bias=False, device="meta")
        self.weight = base.weight
        self.tail = nn.Parameter(base.weight.detach()[-rows:].clone()) if tail is None else tail
        self.enabled = True

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.active())

    def active(self) -> Tensor:
        """The weight that it computes with now."""
        return self.whole() if self.enabled else self.weight

    def whole(self) -> Tensor:
        return whole_rows(self.weight, self.tail)


def whole_rows(weight: Tensor, tail: Tensor) -> Tensor:
    """[V, D] with `tail` for its last rows; a gradient reaches those alone."""
    return torch.cat((weight[: -len(tail)], tail.to(weight.dtype)))
