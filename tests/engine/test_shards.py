"""Shards on disk, against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batches.shard_writer import ShardWriter
from engine.batches.token_shards import ShardFacts, TokenShards, TokenView, dtype_for, write_facts


def _write(folder: Path, train: list[int], held_out: list[int], vocab_size: int, shard_tokens: int) -> None:
    dtype = dtype_for(vocab_size)
    with (
        ShardWriter(folder, "train", dtype, shard_tokens) as first,
        ShardWriter(folder, "validation", dtype, shard_tokens) as second,
    ):
        for start in range(0, len(train), 7):
            first.write(train[start : start + 7])
        second.write(held_out)
    files = {**first.files, **second.files}
    facts = ShardFacts(dtype, vocab_size, "hash", 0, "after", first.tokens, second.tokens, 10, 10, 1, 1, files)
    write_facts(folder, facts)


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_the_largest_id_comes_back_in_the_smallest_type(tmp_path: Path, vocab_size: int, dtype: str) -> None:
    ids = [0, 1, vocab_size - 1] * 50
    _write(tmp_path, ids, ids[:4], vocab_size, shard_tokens=64)
    shards = TokenShards(tmp_path)
    assert shards.facts.dtype == dtype
    assert shards.train[0:150].tolist() == ids and shards.train[0:10].dtype == np.dtype(dtype)
    assert shards.validation[0:9].tolist() == ids[:4]
    assert list(shards.facts.files.items())[:3] == [
        ("train-00000.bin", 64),
        ("train-00001.bin", 64),
        ("train-00002.bin", 22),
    ]
    raw = np.fromfile(tmp_path / "train-00001.bin", dtype=f"<u{np.dtype(dtype).itemsize}")
    assert raw.tolist() == ids[64:128]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6), st.integers(-2, 45), st.integers(-2, 45))
def test_a_view_over_files_is_the_array(sizes: list[int], start: int, stop: int) -> None:
    parts = [np.arange(size, dtype=np.uint16) + 100 * index for index, size in enumerate(sizes)]
    whole = np.concatenate(parts) if parts else np.empty(0, dtype=np.uint16)
    view = TokenView(parts)
    assert len(view) == len(whole)
    assert view[start:stop].tolist() == whole[start:stop].tolist()


def test_an_id_that_the_type_cannot_hold_is_never_wrapped(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "train", "uint16") as writer, pytest.raises(OverflowError):
        writer.write([65_536])


def test_reading_within_a_file_copies_nothing(tmp_path: Path) -> None:
    _write(tmp_path, list(range(100)), [1, 2], 1000, shard_tokens=1000)
    view = TokenShards(tmp_path).train
    assert np.shares_memory(view[0:50], view[10:20])
    with pytest.raises(ValueError, match="read-only"):
        view[0:5][0] = 3
