"""A checkpoint is whole or not listed, and never loads when a bit of it changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.errors import CutawayError
from engine.store.checkpoint import (
    list_checkpoints,
    load_checkpoint,
    newest_valid,
    prune_checkpoints,
    save_checkpoint,
    verify_checkpoint,
)


def save(root: Path, step: int) -> Path:
    torch.manual_seed(step)
    return save_checkpoint(root, step, {"model": {"w": torch.randn(8, 8)}}, {"step": step})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    folder = save(tmp_path, 5)
    loaded = load_checkpoint(folder)
    torch.manual_seed(5)
    assert torch.equal(loaded.tensors["model"]["w"], torch.randn(8, 8))
    assert loaded.step == 5 and loaded.state == {"step": 5}


def test_saving_a_step_twice_keeps_the_newer(tmp_path: Path) -> None:
    save(tmp_path, 5)
    folder = save_checkpoint(tmp_path, 5, {"model": {"w": torch.ones(2)}}, {"step": 5})
    assert load_checkpoint(folder).tensors["model"]["w"].tolist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["step-000005"]


def test_the_list_is_in_order_and_free_of_halves(tmp_path: Path) -> None:
    for step in (100, 20, 1_000_000):
        save(tmp_path, step)
    (tmp_path / ".tmp-step-000300-abc").mkdir()
    (tmp_path / "step-000400").mkdir()
    (tmp_path / "notes").mkdir()
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000020", "step-000100", "step-1000000"]


@pytest.mark.parametrize("damage", ["cut", "flip", "grow", "gone", "manifest"])
def test_damage_is_found_and_the_one_before_is_taken(tmp_path: Path, damage: str) -> None:
    older, newer = save(tmp_path, 1), save(tmp_path, 2)
    path = newer / ("manifest.json" if damage == "manifest" else "model.safetensors")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:-5])
    elif damage == "flip":
        data[-3] ^= 4
        path.write_bytes(data)
    elif damage == "grow":
        path.write_bytes(data + b"x")
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CutawayError):
        load_checkpoint(newer)
    assert newest_valid(tmp_path) == older


def test_two_are_always_kept_and_the_new_one_must_verify_first(tmp_path: Path) -> None:
    folders = [save(tmp_path, step) for step in range(1, 6)]
    assert prune_checkpoints(tmp_path, 0, folders[-1]) == folders[:3]
    assert list_checkpoints(tmp_path) == folders[3:]
    (folders[-1] / "model.safetensors").write_bytes(b"")
    save(tmp_path, 9)
    with pytest.raises(CutawayError):
        prune_checkpoints(tmp_path, 2, folders[-1])
    assert folders[3].exists()


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = save(tmp_path, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(CutawayError, match="not enough space"):
        save(tmp_path, 2)
    verify_checkpoint(kept)
    assert list_checkpoints(tmp_path) == [kept]
