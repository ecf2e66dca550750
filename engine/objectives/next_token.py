"""The objective of pretraining: say what comes next.

The logits of a batch never exist at once: a few rows of them at a time are computed, turned into their own gradient
and multiplied back, as Liger (Hsu et al. 2024) and cut cross-entropy (Wijmans et al. 2024) do on a GPU. With 50,000
words they would be the largest tensors of a training by far.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.batches.packed import IGNORE
from engine.model.transformer import Transformer

# Entries of the logits at once: 16 MB in float32 for the processor's cache; a GPU wants larger products.
_ENTRIES = {"cpu": 2**22, "cuda": 2**28}
_FEWEST_ROWS = 256
_ROUND = 256


class NextToken(nn.Module):
    """Model and loss as one module, so that what wraps it (compiling, many devices) sees one forward pass."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, targets: Tensor, segments: Tensor | None = None) -> Tensor:
        """inputs, targets: [B, T] of int64 -> mean loss in nats per token that is learned.

        segments: [B, T], which text of its row a token belongs to; then targets may be IGNORE.
        """
        hidden, cap = self.model.hidden(inputs, segments=segments), self.model.config.logit_softcap
        head, rows = self.model.head.weight, self.model.new_rows()
        return next_token_loss(hidden, head, targets, cap, masked=segments is not None, rows=rows)


def next_token_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    softcap: float | None = None,
    *,
    masked: bool = False,
    rows: Tensor | None = None,
) -> Tensor:
    """Mean negative log-likelihood in nats per token, of the logits hidden head^T.

    hidden: [B, T, D], what the head reads; head: [V, D]; targets: [B, T], the inputs moved by one. softcap: logits z
    become softcap tanh(z / softcap), as in Gemma 2. Under autocast the products run in its type; sums in float32.
    masked: whether some targets are IGNORE: of these there are neither logits nor gradients, and they do not count in
    the mean, which is 0 where nothing is left. rows: [k, D], to take the place of the head's last ones, which alone
    learn then.
    """
    flat, wanted, dtype = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1), _product_dtype(hidden)
    count = len(wanted)
    if masked:
        kept, count = _learned(wanted)
        flat, wanted = flat.index_select(0, kept), wanted[kept].clamp_min(0)
    return _MeanLoss.apply(flat, head, rows, wanted, count, softcap, dtype)  # type: ignore[no-any-return, no-untyped-call]


def _learned(targets: Tensor) -> tuple[Tensor, int]:
    """Places of the targets that are learned, and how many they are. Behind them stands place 0 until there is a round
    number of them: with tensors of another size at every step, freed memory never fits the next one (0.4 MB a step)."""
    found = (targets != IGNORE).nonzero().squeeze(1)
    room = max(1, math.ceil(len(found) / _ROUND)) * _ROUND
    return functional.pad(found, (0, room - len(found))), len(found)


class _MeanLoss(torch.autograd.Function):
    """The gradient is computed in the forward pass, while the logits are at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        rows: Tensor | None,
        targets: Tensor,
        count: int,
        softcap: float | None,
        dtype: torch.dtype,
    ) -> Tensor:
        """count: of the first targets, which alone are learned."""
        learning = len(head) if ctx.needs_input_grad[1] else 0
        ctx.of_rows, ctx.dtype = rows is not None, head.dtype
        if rows is not None:
            head, learning = _with_last(head, rows, dtype), len(rows)
        work = _Work(hidden, head, dtype, softcap, learning)
        wanted = any(ctx.needs_input_grad)
        share = torch.full((len(targets),), 1 / max(count, 1), dtype=work.sums, device=hidden.device)
        share[count:] = 0
        losses = work.run(targets, share if wanted else None)
        if wanted:
            dhead = None if work.dhead is None else work.dhead.to(ctx.dtype)
            ctx.save_for_backward(work.dhidden.to(hidden.dtype), dhead)
        return losses[:count].sum() / max(count, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        dhidden, dhead = ctx.saved_tensors
        dhead = None if dhead is None else dhead.mul_(gradient)
        return dhidden * gradient, *((None, dhead) if ctx.of_rows else (dhead, None)), None, None, None, None


def _with_last(head: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Rounded on the way, so that no second copy exists."""
    whole = torch.empty(head.shape, dtype=dtype, device=head.device)
    whole[: -len(rows)], whole[-len(rows) :] = head[: -len(rows)], rows
    return whole


class _Work:
    """One pass over all rows. After a `run` with shares, dhidden [N, D] and dhead hold the gradients, the latter of the
    head's last rows [learning, D], or None of a frozen one."""

    def __init__(self, hidden: Tensor, head: Tensor, dtype: torch.dtype, softcap: float | None, learning: int) -> None:
        self.hidden, self.head, self.softcap = hidden.to(dtype), head.to(dtype), softcap
        self.learning = learning
        self.dhead: Tensor | None = None
        self.sums = torch.float64 if dtype == torch.float64 else torch.float32

    def run(self, targets: Tensor, shares: Tensor | None) -> Tensor:
        """The loss of every row [N]. shares: how much each row's loss counts in the gradient; None for no gradient."""
        losses = torch.empty(len(targets), dtype=self.sums, device=self.hidden.device)
        if shares is not None:
            self.dhidden = torch.empty_like(self.hidden)
            if self.learning:
                self.dhead = torch.zeros(self.learning, self.head.shape[1], dtype=self.sums, device=self.hidden.device)
        limit = _ENTRIES.get(self.hidden.device.type, _ENTRIES["cpu"])
        rows = max(_FEWEST_ROWS, limit // self.head.shape[0] // _FEWEST_ROWS * _FEWEST_ROWS)
        with torch.autocast(self.hidden.device.type, enabled=False):
            for start in range(0, len(targets), rows):
                part = slice(start, start + rows)
                losses[part] = self._rows(part, targets[part].unsqueeze(1), shares)
        return losses

    def _rows(self, part: slice, targets: Tensor, shares: Tensor | None) -> Tensor:
        logits = torch.mm(self.hidden[part], self.head.t()).to(self.sums)  # [n, V]
        if self.softcap is not None:
            logits = logits.div_(self.softcap).tanh_().mul_(self.softcap)
        own = logits.gather(1, targets)
        slope = None if self.softcap is None or shares is None else 1 - (logits / self.softcap).square_()
        top = logits.amax(1, keepdim=True)
        odds = torch.softmax(logits, 1, out=logits)
        # log sum exp = the largest logit minus the log of its probability, which is never small
        losses = top - odds.amax(1, keepdim=True).log_() - own
        if shares is not None:
            odds.scatter_add_(1, targets, odds.new_full(targets.shape, -1.0))
            self._gradient(part, odds.mul_(slope) if slope is not None else odds, shares[part].unsqueeze(1))
        return losses.squeeze(1)

    def _gradient(self, part: slice, odds: Tensor, share: Tensor) -> None:
        odds = odds.mul_(share).to(self.hidden.dtype)
        torch.mm(odds, self.head, out=self.dhidden[part])
        if self.dhead is not None:
            self.dhead += torch.mm(odds[:, -self.learning :].t(), self.hidden[part])


def _product_dtype(x: Tensor) -> torch.dtype:
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
