"""Sampling against transformers' warpers in float64, and against what each filter promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.errors import CutawayError
from engine.generation.distribution import describe
from engine.generation.sampling import (
    FILTERS,
    SamplingConfig,
    entropy_bits,
    filtered,
)

# Distinct logits: which of two equal tokens a filter takes at its border is nobody's promise.
LOGITS = st.integers(2, 60).flatmap(
    lambda size: arrays(np.float32, size, elements=st.integers(-3000, 3000).map(lambda n: n / 100), unique=True)
)
SAMPLING = st.builds(
    SamplingConfig,
    temperature=st.floats(0.05, 5.0),
    top_k=st.integers(0, 70),
    top_p=st.floats(0.01, 1.0),
    min_p=st.floats(0.0, 0.99),
    repetition_penalty=st.floats(1.0, 3.0),
)


def warped(logits: np.ndarray, sampling: SamplingConfig, previous: list[int]) -> np.ndarray:
    """Probabilities as transformers makes them, step by step in float64."""
    ids, scores = torch.tensor([previous]), torch.tensor(logits, dtype=torch.float64)[None]
    steps = []
    if sampling.repetition_penalty != 1.0 and previous:
        steps.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    steps.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        steps.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        steps.append(MinPLogitsWarper(sampling.min_p))
    for step in steps:
        scores = step(ids, scores)
    return scores.softmax(-1)[0].numpy()


@settings(max_examples=300, deadline=None)
@given(LOGITS, SAMPLING, st.data())
def test_equals_the_warpers_of_transformers(logits: np.ndarray, sampling: SamplingConfig, data: st.DataObject) -> None:
    previous = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=5))
    ours, theirs = filtered(logits, sampling, previous), warped(logits, sampling, previous)
    borders = np.cumsum(np.sort(ours.before)[::-1])
    if np.array_equal(ours.after > 0, theirs > 0):
        np.testing.assert_allclose(ours.after, theirs, rtol=1e-9, atol=1e-12)
    else:  # the share stands on the border to the last bit: both answers are right, and differ by one token, or by
        differ = (ours.after > 0) != (theirs > 0)  # several that together weigh less than the last bits of a sum near 1
        assert differ.sum() == 1 or ours.before[differ].sum() < 1e-12, borders


@settings(max_examples=100, deadline=None)
@given(LOGITS, SAMPLING)
def test_what_is_drawn_from_is_a_distribution(logits: np.ndarray, sampling: SamplingConfig) -> None:
    result = filtered(logits, sampling)
    assert result.before.sum() == pytest.approx(1.0, abs=1e-12)
    assert result.after.sum() == pytest.approx(1.0, abs=1e-12)
    assert not result.after[result.excluded > 0].any()
    assert result.excluded[logits.argmax()] == 0
    reference = torch.tensor(logits, dtype=torch.float64).softmax(-1).numpy()
    np.testing.assert_allclose(result.before, reference, rtol=1e-12)


def test_each_excluded_token_names_its_filter() -> None:
    logits = np.log(np.array([0.5, 0.25, 0.15, 0.06, 0.04], dtype=np.float32))
    plain = SamplingConfig(temperature=1.0)
    names = lambda **change: [  # noqa: E731
        FILTERS[code] for code in filtered(logits, plain.model_copy(update=change)).excluded
    ]
    assert names() == ["", "", "", "", ""]
    assert names(top_k=3) == ["", "", "", "top-k", "top-k"]
    assert names(top_p=0.7) == ["", "", "top-p", "top-p", "top-p"]
    assert names(min_p=0.2) == ["", "", "", "min-p", "min-p"]
    assert names(top_k=4, top_p=0.9, min_p=0.4) == ["", "", "min-p", "top-p", "top-k"]
    assert names(temperature=0.0) == ["", "greedy", "greedy", "greedy", "greedy"]


def test_tokens_as_likely_as_the_kth_stay_together() -> None:
    result = filtered(np.array([1, 1, 1, 0], dtype=np.float32), SamplingConfig(temperature=1.0, top_k=2))
    assert result.excluded.tolist() == [0, 0, 0, 1]


def test_the_penalty_can_change_what_greedy_takes() -> None:
    logits = np.array([2.0, 1.9, -1.0], dtype=np.float32)
    greedy = SamplingConfig(temperature=0.0, repetition_penalty=1.5)
    assert filtered(logits, greedy).after.tolist() == [1, 0, 0]
    assert filtered(logits, greedy, [0]).after.tolist() == [0, 1, 0]


def test_a_very_small_temperature_does_not_overflow() -> None:
    result = filtered(np.array([900.0, -900.0, 899.0], dtype=np.float32), SamplingConfig(temperature=1e-6))
    assert result.after.tolist() == [1, 0, 0]


@pytest.mark.parametrize("broken", [[np.nan, 0, 1], [np.inf, 0, 1], [-np.inf] * 3])
def test_a_broken_model_is_named(broken: list[float]) -> None:
    with pytest.raises(CutawayError, match="no usable prediction"):
        filtered(np.array(broken, dtype=np.float32), SamplingConfig())


def test_a_token_that_the_model_rules_out_is_never_drawn() -> None:
    result = filtered(np.array([-np.inf, 0.0, 1.0], dtype=np.float32), SamplingConfig(temperature=1.0, top_p=0.9))
    assert result.before[0] == 0 and result.after[0] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": 5.1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": 1.0},
        {"repetition_penalty": 0.9},
        {"seed": -1},
        {"topk": 3},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SamplingConfig(**wrong)


def test_entropy_is_in_bits() -> None:
    assert entropy_bits(np.full(8, 0.125)) == pytest.approx(3.0)
    assert entropy_bits(np.array([1.0, 0.0])) == 0.0


def test_a_moved_slider_gives_what_asking_again_gives() -> None:
    logits = np.random.default_rng(3).normal(0, 3, 50).astype(np.float32)
    warm, cold = SamplingConfig(temperature=1.5, repetition_penalty=1.2), SamplingConfig(temperature=0.3, top_k=4)
    moved = describe(logits, [3, 4], warm, 6, str).under(cold)
    asked = describe(logits, [3, 4], cold, 6, str)
    assert moved.candidates == asked.candidates
    assert moved.entropy_after == asked.entropy_after and moved.kept == asked.kept == 4
    assert [candidate.logit for candidate in moved.candidates] == sorted(logits.tolist(), reverse=True)[:6]
    assert moved.rank(moved.candidates[2].token_id) == 3


def test_sampling_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, engine.generation.distribution, engine.generation.loaded; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
