"""The debiased exponential average, over all points and before any thinning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.widgets.metric_series_pyramid import FloatArray

_BLOCK = 64


class Smoother:
    """A running debiased exponential average (Kingma and Ba 2014, section 3): s = w s + (1 - w) x, shown as
    s / (1 - w^n). Points that are not finite leave it as it was and stay gaps.

    weight: 0 (the raw line) to below 1; 0.9 looks back about ten points.
    """

    def __init__(self, weight: float) -> None:
        if not 0.0 <= weight < 1.0:
            raise ValueError(f"weight {weight} is not in [0, 1)")
        self.weight = weight
        self._sum = 0.0
        self._count = 0
        place = np.arange(_BLOCK)
        # Row k holds the weights with which the points of a block enter its k-th average.
        powers = np.power(weight, np.maximum(place[:, None] - place[None, :], 0))
        self._kernel: FloatArray = (1.0 - weight) * np.tril(powers)
        self._decay: FloatArray = np.power(weight, place + 1.0)

    def extend(self, values: npt.ArrayLike) -> FloatArray:
        """The averages at these next points; the same whether they come one by one or all at once."""
        raw = np.asarray(values, dtype=np.float64).reshape(-1)
        finite = np.isfinite(raw)
        smoothed = np.full(len(raw), np.nan)
        smoothed[finite] = self._average(raw[finite])
        return smoothed

    def _average(self, values: FloatArray) -> FloatArray:
        count = len(values)
        blocks = np.zeros((-(-count // _BLOCK), _BLOCK))
        blocks.reshape(-1)[:count] = values
        sums = blocks @ self._kernel.T
        for row in sums:  # each block goes on from the end of the one before
            row += self._decay * self._sum
            self._sum = float(row[-1])
        flat: FloatArray = sums.reshape(-1)[:count]
        if count:
            self._sum = float(flat[-1])
        ages = self._count + 1.0 + np.arange(count)
        self._count += count
        averages: FloatArray = flat / (1.0 - np.power(self.weight, ages))
        return averages
