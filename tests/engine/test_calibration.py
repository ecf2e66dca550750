"""Calibration against a case worked out by hand, and against bins counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.evaluation.calibration import BINS, calibrate


def test_a_case_worked_out_by_hand() -> None:
    """Three bins hold something: 0.55 and 0.59 (one right), 0.9 and 0.95 (both right), 1.0 (wrong, in the last bin).

    Gaps: |0.57 - 0.5| with 2 of 5, |(0.9 + 0.95 + 1) / 3 - 2 / 3| with 3 of 5, so 0.028 + 0.17 = 0.198.
    Brier: (0.45^2 + 0.59^2 + 0.1^2 + 0.05^2 + 1^2) / 5 = 1.5631 / 5 = 0.31262."""
    found = calibrate([0.55, 0.59, 0.9, 0.95, 1.0], [True, False, True, True, False])
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 3]
    assert found.expected_calibration_error == pytest.approx(0.198)
    assert found.brier == pytest.approx(0.31262)
    assert found.confidence[5] == pytest.approx(0.57) and found.accuracy[5] == 0.5
    assert found.confidence[9] == pytest.approx(0.95) and found.accuracy[9] == pytest.approx(2 / 3)
    assert all(math.isnan(found.confidence[place]) and math.isnan(found.accuracy[place]) for place in range(5))


def test_edges_belong_to_the_bin_above() -> None:
    edges = [place / 10 for place in range(11)]
    assert calibrate(edges, [True] * 11).counts.tolist() == [1] * 9 + [2]


def test_many_against_bins_counted_one_by_one() -> None:
    random = np.random.default_rng(3)
    sure = random.random(2000)
    right = random.random(2000) < sure**2
    found, error = calibrate(sure, right), 0.0
    for place in range(BINS):
        inside = [index for index, value in enumerate(sure) if place / 10 <= value < (place + 1) / 10]
        accuracy, confidence = np.mean(right[inside]), np.mean(sure[inside])
        assert (found.accuracy[place], found.confidence[place]) == (pytest.approx(accuracy), pytest.approx(confidence))
        error += len(inside) / 2000 * abs(accuracy - confidence)
    assert found.expected_calibration_error == pytest.approx(error)
    assert found.brier == pytest.approx(np.mean((sure - right) ** 2))


def test_nothing_and_what_is_no_probability() -> None:
    found = calibrate([], [])
    assert math.isnan(found.expected_calibration_error) and math.isnan(found.brier) and found.counts.sum() == 0
    for sure, right in (([1.2], [True]), ([float("nan")], [True]), ([0.5, 0.5], [True])):
        with pytest.raises(ValueError, match="confidence"):
            calibrate(sure, right)
