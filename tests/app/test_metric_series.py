from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.widgets.metric_series import MetricSeries, XAxis
from app.widgets.metric_series_pyramid import GrowingArray, Pyramid
from app.widgets.metric_series_smoothing import Smoother

numbers = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf))
lists = st.lists(numbers, max_size=700)


def plain_average(values: list[float], weight: float) -> list[float]:
    """The definition, point by point."""
    total, count, out = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        total = weight * total + (1 - weight) * value
        count += 1
        out.append(total / (1 - weight**count))
    return out


def series_of(values: list[float]) -> MetricSeries:
    series = MetricSeries()
    steps = np.arange(1, len(values) + 1)
    series.extend(steps, steps * 4096, steps * 0.3, values)
    return series


@settings(max_examples=80, deadline=None)
@given(lists, st.floats(0.0, 0.999), st.lists(st.integers(1, 90), max_size=12))
def test_smoothing_equals_the_plain_definition(values: list[float], weight: float, pieces: list[int]) -> None:
    smoother, found, at = Smoother(weight), [], 0
    for piece in [*pieces, len(values)]:
        found.extend(smoother.extend(values[at : at + piece]))
        at += piece
    np.testing.assert_allclose(found, plain_average(values, weight), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_an_impossible_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="not in"):
        Smoother(weight)


def test_smoothing_starts_at_the_first_value_not_at_zero() -> None:
    assert Smoother(0.99).extend([7.0])[0] == pytest.approx(7.0)


@settings(max_examples=80, deadline=None)
@given(lists, st.integers(1, 400), st.lists(st.integers(1, 200), max_size=8), st.data())
def test_the_pyramid_keeps_the_extremes(
    values: list[float], budget: int, pieces: list[int], data: st.DataObject
) -> None:
    pyramid, at = Pyramid(), 0
    for piece in [*pieces, len(values)]:
        pyramid.extend(values[at : at + piece])
        at += piece
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    index = pyramid.thin(start, stop, budget)
    whole, kept = np.array(values[start:stop]), np.array(values)[index]
    assert np.all(np.diff(index) > 0)
    assert set(index) <= set(range(start, stop))
    finite = whole[np.isfinite(whole)]
    if len(finite):
        assert np.nanmin(kept[np.isfinite(kept)]) == finite.min()
        assert np.nanmax(kept[np.isfinite(kept)]) == finite.max()
    if len(whole):
        assert index[-1] == stop - 1
    assert bool(np.any(~np.isfinite(whole))) == bool(np.any(~np.isfinite(kept)))
    if len(whole) <= budget:
        assert len(index) == len(whole)


def test_a_million_points_become_a_few_thousand_and_the_spike_stays() -> None:
    values = np.random.default_rng(1).normal(size=1_200_000)
    values[777_777] = 1e9
    pyramid = Pyramid()
    pyramid.extend(values)
    index = pyramid.thin(0, len(values), 2000)
    assert 777_777 in index
    assert 500 <= len(index) <= 2600
    assert len(pyramid.thin(777_000, 779_000, 2000)) == 2000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-10, 10), max_size=600), st.integers(0, 600), st.lists(st.floats(-10, 10), max_size=200))
def test_truncating_and_going_on_equals_never_having_strayed(first: list[float], cut: int, second: list[float]) -> None:
    strayed = series_of(first)
    strayed.set_smoothing(0.9)
    strayed.truncate_after(cut)
    kept = first[:cut]
    steps = np.arange(len(kept) + 1, len(kept) + len(second) + 1)
    strayed.extend(steps, steps * 4096, steps * 0.3, second)
    straight = series_of(kept + second)
    straight.set_smoothing(0.9)
    np.testing.assert_array_equal(strayed.values, straight.values)
    np.testing.assert_allclose(strayed.smoothed(), straight.smoothed(), rtol=1e-9, atol=1e-9)
    for smooth in (False, True):
        a = strayed.thinned(XAxis.STEP, 0, 1e9, 50, smooth=smooth)
        b = straight.thinned(XAxis.STEP, 0, 1e9, 50, smooth=smooth)
        np.testing.assert_allclose(a.y, b.y, rtol=1e-9, atol=1e-9)


def test_a_gap_survives_thinning_and_is_marked() -> None:
    values = list(np.linspace(9, 1, 10_000))
    values[5000] = math.nan
    thinned = series_of(values).thinned(XAxis.STEP, 0, 10_000, 300)
    assert np.isnan(thinned.y).sum() == 1
    assert thinned.gaps.tolist() == [5001.0]
    assert thinned.total == 10_000
    assert thinned.shown < 700


def test_a_range_keeps_one_neighbour_on_each_side_so_that_the_line_leaves_the_view() -> None:
    thinned = series_of([float(v) for v in range(100)]).thinned(XAxis.STEP, 10, 20, 1000)
    assert thinned.x.tolist() == [float(v) for v in range(9, 22)]
    assert thinned.total == 11


def test_nearest_point_by_any_axis() -> None:
    series = series_of([5.0, 4.0, 3.0])
    assert series.nearest(XAxis.STEP, 2.4) == 1
    assert series.nearest(XAxis.TOKENS, 1e12) == 2
    assert series.nearest(XAxis.SECONDS, -5) == 0
    assert MetricSeries().nearest(XAxis.STEP, 1) == -1
    assert math.isnan(MetricSeries().last)


def test_growing_array_grows_and_shrinks() -> None:
    array = GrowingArray()
    array.extend(range(1000))
    array.extend(5.0)
    assert len(array) == 1001
    assert array.view[-1] == 5.0
    array.truncate(10)
    assert array.view.tolist() == [float(v) for v in range(10)]
