"""Conversations in rows: nothing lost, nothing doubled, nothing of the frame learned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batches.conversations import ConversationBatches, Tokens, fit, fixed_batches, pack, stack, tokens_of
from engine.batches.packed import IGNORE, PackedBatches


def made(lengths: list[int]) -> list[Tokens]:
    """Ids tell conversation and place; the second half of each is learned."""
    return [
        tokens_of(range(1000 * number, 1000 * number + n), [2 * i >= n for i in range(n)])
        for number, n in enumerate(lengths)
    ]


@given(st.lists(st.integers(1, 16), max_size=60), st.integers(0, 5))
def test_every_conversation_is_in_exactly_one_row_and_fits(lengths: list[int], seed: int) -> None:
    rows = pack(lengths, 16, seed)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= 16 for row in rows)


def test_a_row_by_hand() -> None:
    first, second = tokens_of([7, 8, 9], [False, True, True]), tokens_of([4, 5], [False, True])
    inputs, targets, segments = stack([[first, second]], 5)
    assert inputs.tolist() == [[7, 8, 4, 0, 0]]
    assert targets.tolist() == [[8, 9, 5, IGNORE, IGNORE]]
    assert segments.tolist() == [[0, 0, 1, 2, 2]]


def test_an_epoch_shows_every_target_once_in_another_order_each_time() -> None:
    conversations = made([5, 9, 3, 12, 7, 7, 4, 10])
    batches = ConversationBatches(conversations, 12, 1, seed=3)
    wanted = sorted(int(i) for tokens in conversations for i in tokens.ids[1:][tokens.mask[1:]])
    orders = []
    for epoch in range(2):
        shown = [batches.batch(epoch * batches.epoch_rows + i)[1] for i in range(batches.epoch_rows)]
        flat = np.concatenate(shown)[np.concatenate(shown) != IGNORE].tolist()
        orders.append(flat)
        assert sorted(flat) == wanted
    assert orders[0] != orders[1]
    again = ConversationBatches(conversations, 12, 1, seed=3).batch(11)
    assert all(np.array_equal(a, b) for a, b in zip(batches.batch(11), again, strict=True))


def test_tokens_before_a_batch_are_counted_without_padding() -> None:
    conversations = made([5, 9, 3, 12, 7, 7, 4, 10])
    text = PackedBatches(np.arange(400), 12, 1, 1)
    batches = ConversationBatches(conversations, 12, 3, seed=1, text=text)
    total = 0
    for index in range(7):
        assert batches.tokens_before(index) == total
        inputs, _, segments = batches.batch(index)
        of_text = np.arange(3) == 2  # the last row
        padded = np.array([_padding(row) for row in inputs[~of_text]])
        total += inputs.size - int(padded.sum())
        assert (segments[of_text] == 0).all()


def _padding(row: np.ndarray) -> int:
    """Zeros at the end; the very first conversation begins with id 0 but does not end with it."""
    return len(row) - len(np.trim_zeros(row, "b"))


def test_without_packing_a_row_holds_one_and_is_as_wide_as_the_longest() -> None:
    batches = ConversationBatches(made([5, 9, 3]), 12, 3, seed=1, packing=False)
    inputs, _, segments = batches.batch(0)
    assert inputs.shape == (3, 8) and batches.epoch_rows == 3
    assert segments.max() == 1


@pytest.mark.parametrize("rule", ["truncate", "drop"])
def test_what_is_too_long_is_cut_or_dropped_and_counted(rule: str) -> None:
    conversations = [
        tokens_of(range(5), [True] * 5),
        tokens_of(range(9), [i < 3 for i in range(9)]),
        tokens_of(range(9), [i > 6 for i in range(9)]),
        tokens_of(range(4), [False] * 4),
    ]
    fitted = fit(conversations, 4, rule)  # type: ignore[arg-type]
    found = len(fitted.kept), fitted.truncated, fitted.too_long, fitted.masked
    assert found == ((2, 1, 0, 2) if rule == "truncate" else (1, 0, 2, 1))
    assert all(tokens.length <= 4 for tokens in fitted.kept)


def test_fixed_batches_hold_everything_once() -> None:
    conversations = made([5, 9, 3, 12, 7])
    found = np.concatenate([targets[targets != IGNORE] for _, targets, _ in fixed_batches(conversations, 12, 2, 1)])
    assert len(found) == sum(tokens.counted for tokens in conversations)
