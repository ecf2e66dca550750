"""Fast choosing against the slow, told filters in float64, and against what a draw promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.errors import CutawayError
from engine.generation.drawing import choose
from engine.generation.sampling import SamplingConfig, filtered, random_for

LOGITS = st.integers(2, 300).flatmap(
    lambda size: arrays(np.float32, size, elements=st.integers(-30000, 30000).map(lambda n: n / 1000), unique=True)
)
SAMPLING = st.builds(
    SamplingConfig,
    temperature=st.one_of(st.just(0.0), st.floats(0.05, 5.0)),
    top_k=st.integers(0, 70),
    top_p=st.floats(0.01, 1.0),
    min_p=st.floats(0.0, 0.99),
    repetition_penalty=st.floats(1.0, 3.0),
)
PLAIN = SamplingConfig(temperature=1.0)


def slowly(logits: np.ndarray, sampling: SamplingConfig, previous: list[int], seed: int, position: int) -> set[int]:
    """What the inverse of the cumulative distribution takes, and its neighbours where rounding may decide."""
    after = filtered(logits, sampling, previous).after
    point = random_for(seed, position).random()
    allowed = np.flatnonzero(after)
    cumulative = np.cumsum(after[allowed])
    return {
        int(allowed[min(np.searchsorted(cumulative, moved, side="right"), allowed.size - 1)])
        for moved in (point - 1e-4, point, point + 1e-4)
    }


@settings(max_examples=300, deadline=None)
@given(LOGITS, SAMPLING, st.data())
def test_the_same_token_as_by_the_filters_that_are_shown(logits: np.ndarray, sampling: SamplingConfig, data) -> None:
    previous = data.draw(st.lists(st.integers(0, logits.size - 1), max_size=4))
    for position in range(3):
        (taken,) = choose(logits[None], sampling, [previous], [9], [position])
        if sampling.temperature == 0:
            assert taken == int(filtered(logits, sampling, previous).after.argmax())
        else:
            assert taken in slowly(logits, sampling, previous, 9, position)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    logits = np.random.default_rng(2).normal(0, 3, (5, 1000)).astype(np.float32)
    sampling = SamplingConfig(temperature=0.9, top_p=0.95, top_k=200, repetition_penalty=1.2)
    previous, seeds, positions = [[1, 2], [], [7], [8], [9]], [4, 5, 6, 4, 4], [0, 1, 0, 3, 2]
    together = choose(logits, sampling, previous, seeds, positions)
    alone = [
        choose(logits[row : row + 1], sampling, previous[row : row + 1], [seeds[row]], [positions[row]])[0]
        for row in range(5)
    ]
    assert together == alone


def test_draws_follow_the_probabilities() -> None:
    shares = np.array([0.1, 0.0, 0.6, 0.3])
    with np.errstate(divide="ignore"):
        logits = np.repeat(np.log(shares).astype(np.float32)[None], 20_000, axis=0)
    taken = choose(logits, PLAIN, [[]] * 20_000, [7] * 20_000, range(20_000))
    np.testing.assert_allclose(np.bincount(taken, minlength=4) / 20_000, shares, atol=0.015)


def test_draws_over_many_blocks_follow_the_probabilities() -> None:
    logits = np.repeat(np.log(np.arange(1, 1001)).astype(np.float32)[None], 20_000, axis=0)
    taken = np.array(choose(logits, PLAIN, [[]] * 20_000, [3] * 20_000, range(20_000)))
    counts = np.bincount(taken // 100, minlength=10)
    np.testing.assert_allclose(counts / 20_000, np.arange(1, 1001).reshape(10, 100).sum(axis=1) / 500_500, atol=0.015)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 1000))
def test_nothing_impossible_is_drawn(seed: int, position: int) -> None:
    logits = np.array([[-np.inf, 0.0, -np.inf, -np.inf, 1.0, -np.inf]], dtype=np.float32)
    assert choose(logits, PLAIN, [[]], [seed], [position])[0] in (1, 4)


def test_equal_tokens_at_the_border_of_top_p_stay_in_their_order() -> None:
    logits = np.zeros((1, 8), dtype=np.float32)
    sampling = SamplingConfig(temperature=1.0, top_p=0.5)
    assert {choose(logits, sampling, [[]], [1], [n])[0] for n in range(200)} == {0, 1, 2, 3}


def test_a_very_small_temperature_does_not_overflow() -> None:
    logits = np.array([[900.0, -900.0, 899.0]], dtype=np.float32)
    assert choose(logits, SamplingConfig(temperature=1e-40), [[]], [1], [0]) == [0]


@pytest.mark.parametrize("broken", [[np.nan, 0, 1], [np.inf, 0, 1], [-np.inf] * 3])
def test_a_broken_model_is_named(broken: list[float]) -> None:
    with pytest.raises(CutawayError, match="no usable prediction"):
        choose(np.array([[0, 0, 0], broken], dtype=np.float32), PLAIN, [[], []], [1, 1], [0, 0])
