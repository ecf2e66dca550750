"""Notices when training goes wrong, and says why as far as the numbers tell."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import torch
from torch import nn

from engine.events import HealthAlarm

_WINDOW = 50
_PATIENCE = 5


class Health:
    """Looks at every step before the update is applied. An alarm withholds the update and pauses the run."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._norms: deque[float] = deque(maxlen=_WINDOW)
        self._bad_steps = 0

    def check(self, step: int, loss: float, grad_norm: float, learning_rate: float) -> HealthAlarm | None:
        """loss in nats, grad_norm before clipping. None when all is well."""
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            return self._not_finite(step, loss, grad_norm, learning_rate)
        exploding = self._is_exploding(loss, grad_norm)
        self._bad_steps = self._bad_steps + 1 if exploding else 0
        if self._bad_steps >= _PATIENCE:
            self._bad_steps = 0
            return HealthAlarm(
                step=step,
                cause="exploding",
                what=f"The gradients explode: their norm is {grad_norm:,.3g}.",
                why=f"Loss {loss:.2f} is far above the {median(self._losses):.2f} of before, {_PATIENCE} steps long. "
                f"Most often the learning rate ({learning_rate:.2g}) is too high.",
                remedy="Halve the learning rate and resume, or start again from the last checkpoint.",
            )
        if not exploding:
            self._losses.append(loss)
            self._norms.append(grad_norm)
        return None

    def _is_exploding(self, loss: float, grad_norm: float) -> bool:
        if len(self._losses) < _WINDOW // 2:
            return False
        return loss > 1.5 * median(self._losses) + 0.5 and grad_norm > 5 * median(self._norms)

    def _not_finite(self, step: int, loss: float, grad_norm: float, learning_rate: float) -> HealthAlarm:
        broken = next((n for n, p in self._model.named_parameters() if not bool(torch.isfinite(p).all())), None)
        if broken is not None:
            why = (
                f"The weight {broken} is no longer a finite number: an earlier update was too large "
                f"(learning rate {learning_rate:.2g})."
            )
            remedy = (
                "Resuming cannot mend the weights: start again from the last checkpoint with a lower learning rate."
            )
        elif not math.isfinite(loss):
            why = "All weights are finite, so numbers overflowed inside this batch: its rows, or too large activations."
            remedy = "Resume to skip this batch. If it happens again, lower the learning rate or train in float32."
        else:
            why = f"The loss is finite ({loss:.2f}), so the overflow happened on the way back."
            remedy = "Resume to skip this batch. If it happens again, lower the learning rate or train in float32."
        name, value = ("loss", loss) if not math.isfinite(loss) else ("gradient", grad_norm)
        return HealthAlarm(
            step=step,
            cause="nan" if math.isnan(value) else "inf",
            what=f"The {name} became {value} at step {step}; the update was withheld.",
            why=why,
            remedy=remedy,
        )
