"""Is a classifier as sure as it is right? Only numpy is needed.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the expected calibration error over ten bins of equal
width. Brier 1950, "Verification of forecasts expressed in terms of probability".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """expected_calibration_error: mean gap between confidence and accuracy, weighted by what each bin holds, 0 to 1.
    brier: mean squared difference between confidence and outcome (1 right, 0 wrong), 0 to 1.
    confidence, accuracy: [10], means of each bin, NaN for an empty one; counts: [10]."""

    expected_calibration_error: float
    brier: float
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    counts: NDArray[np.int64]


def calibrate(confidence: ArrayLike, right: ArrayLike) -> Calibration:
    """confidence: [N], the chosen label's probability, 0 to 1. right: [N], whether the chosen label is the true one.

    A bin holds its lower edge, the last one both. Without any, both figures are NaN. Raises ValueError for what is no
    probability, or for arrays of different lengths.
    """
    sure, hits = np.asarray(confidence, dtype=np.float64).ravel(), np.asarray(right, dtype=np.float64).ravel()
    if sure.shape != hits.shape or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("a confidence from 0 to 1 is needed for each outcome")
    # Ten times 0.3 is 3, while 0.3 / 0.1 is a little less: the edges are exact this way.
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):  # an empty bin is NaN
        mean_confidence = np.bincount(place, weights=sure, minlength=BINS) / counts
        mean_accuracy = np.bincount(place, weights=hits, minlength=BINS) / counts
    gaps = counts * np.abs(np.nan_to_num(mean_confidence) - np.nan_to_num(mean_accuracy))
    if not len(sure):
        return Calibration(float("nan"), float("nan"), mean_confidence, mean_accuracy, counts)
    brier = float(((sure - hits) ** 2).mean())
    return Calibration(float(gaps.sum() / len(sure)), brier, mean_confidence, mean_accuracy, counts)
