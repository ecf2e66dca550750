"""Packed windows: stateless, complete, shuffled, and quick."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine.batches.packed import PackedBatches, validation_batches
from engine.errors import CutawayError


def _ids(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint16)


@pytest.mark.parametrize(("count", "context"), [(9, 8), (64, 8), (1000, 7), (1003, 16)])
def test_an_epoch_predicts_each_token_at_most_once_and_leaves_out_less_than_a_window(count: int, context: int) -> None:
    batches = PackedBatches(_ids(count), context, rows=1, seed=3)
    for epoch in range(3):
        seen = [batches.batch(epoch * batches.windows + place) for place in range(batches.windows)]
        targets = np.concatenate([target.ravel() for _, target in seen])
        assert len(set(targets.tolist())) == len(targets) > count - context
        for inputs, target in seen:
            assert (target == (inputs + 1) % count).all()


def test_a_batch_depends_on_seed_and_index_alone() -> None:
    first, second = PackedBatches(_ids(5000), 32, 4, seed=1), PackedBatches(_ids(5000), 32, 4, seed=1)
    forward = {index: first.batch(index) for index in range(200)}
    for index in (199, 3, 77, 0, 150):
        for one, other in zip(forward[index], second.batch(index), strict=True):
            assert (one == other).all()
    assert (PackedBatches(_ids(5000), 32, 4, seed=2).batch(0)[0] != forward[0][0]).any()


def test_epochs_differ_in_phase_and_order() -> None:
    batches = PackedBatches(_ids(4096), 64, 1, seed=1)
    epochs = [[batches.locate(epoch * batches.windows + i, 0) for i in range(batches.windows)] for epoch in range(2)]
    assert {start % 64 for start in epochs[0]} != {start % 64 for start in epochs[1]}
    assert epochs[0] != sorted(epochs[0])


def test_rows_are_int64_and_contiguous() -> None:
    inputs, targets = PackedBatches(_ids(1000), 16, 5, seed=1).batch(0)
    assert inputs.shape == targets.shape == (5, 16)
    assert inputs.dtype == targets.dtype == np.int64
    assert inputs.flags.c_contiguous and targets.flags.c_contiguous


def test_a_context_longer_than_the_corpus_is_refused_with_the_longest_possible() -> None:
    with pytest.raises(CutawayError, match="longer than the corpus") as caught:
        PackedBatches(_ids(100), 100, 1, seed=1)
    assert "99" in caught.value.remedy
    assert PackedBatches(_ids(100), 99, 1, seed=1).batch(0)[0].shape == (1, 99)
    with pytest.raises(CutawayError):
        next(validation_batches(_ids(8), 8, 1))


def test_validation_batches_cover_the_text_in_order_and_are_the_same_each_time() -> None:
    whole = list(validation_batches(_ids(1000), 9, rows=4))
    assert np.concatenate([inputs.ravel() for inputs, _ in whole]).tolist() == list(range(999))
    assert whole[-1][0].shape == (3, 9)
    some = list(validation_batches(_ids(1000), 9, rows=4, limit=3))
    assert [inputs.shape for inputs, _ in some] == [(4, 9)] * 3
    starts = [int(row[0]) for inputs, _ in some for row in inputs]
    assert starts == sorted(set(starts)) and starts[0] == 0 and starts[-1] > 900


def test_a_batch_takes_less_than_a_millisecond() -> None:
    batches = PackedBatches(_ids(60_000), 128, 32, seed=1)
    batches.batch(0)
    times = []
    for index in range(50):
        began = time.perf_counter()
        batches.batch(index)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.001
