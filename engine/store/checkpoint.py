"""Checkpoints: whole or not there, hashed, and never a pickle.

checkpoints/step-000500/
    model.safetensors  optimizer.safetensors  state.json
    manifest.json      sizes and sha256 of the others; written last
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from engine import __version__
from engine.errors import CutawayError
from engine.store.files import ensure_space, explain_os_error, fsync_path, read_json, sha256_file, write_json

_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is read: groups of tensors by file name, and the state beside them."""

    folder: Path
    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def save_checkpoint(
    root: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> Path:
    """Writes `root/step-NNNNNN` in one rename and verifies it by reading every byte back.

    Raises CutawayError, with all older checkpoints untouched, when the disk is full or read-only.
    """
    final = root / f"step-{step:06d}"
    temporary = root / f".tmp-{final.name}-{uuid.uuid4().hex[:6]}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        ensure_space(root, sum(t.numel() * t.element_size() for group in tensors.values() for t in group.values()))
        temporary.mkdir()
        for name, group in tensors.items():
            contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in group.items()}
            (temporary / f"{name}.safetensors").write_bytes(safetensors.torch.save(contiguous))
        write_json(temporary / "state.json", dict(state))
        _seal(temporary, step)
        if final.exists():
            os.replace(final, root / f".trash-{final.name}-{uuid.uuid4().hex[:6]}")
        os.replace(temporary, final)
        fsync_path(root)
    except OSError as error:
        raise explain_os_error(error, final) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _sweep(root, trash_only=True)
    return final


def _seal(folder: Path, step: int) -> None:
    """Flushes every file, then writes the manifest: a folder without one is no checkpoint."""
    files = {}
    for path in sorted(folder.iterdir()):
        fsync_path(path)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    write_json(folder / "manifest.json", {"step": step, "files": files, "version": __version__})


def _sweep(root: Path, *, trash_only: bool = False) -> None:
    """Removes what a crash or a deletion left behind."""
    for pattern in (".trash-*",) if trash_only else (".trash-*", ".tmp-*"):
        for path in root.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


def list_checkpoints(root: Path) -> list[Path]:
    """Sealed checkpoints whose files have their full size, oldest first. Cheap: no hash is computed."""
    found = [path for path in root.glob("step-*") if _NAME.fullmatch(path.name) and _complete(path)]
    return sorted(found, key=checkpoint_step)


def checkpoint_step(folder: Path) -> int:
    match = _NAME.fullmatch(folder.name)
    if match is None:
        raise CutawayError(
            f"{folder.name} is not a checkpoint.",
            "Its name does not read step-000500.",
            "Choose a folder below checkpoints/.",
        )
    return int(match.group(1))


def _complete(folder: Path) -> bool:
    try:
        files = read_json(folder / "manifest.json")["files"]
        return all((folder / name).stat().st_size == facts["bytes"] for name, facts in files.items())
    except (CutawayError, OSError, KeyError, TypeError):
        return False


def verify_checkpoint(folder: Path) -> None:
    """Reads every byte. Raises CutawayError for the first file that is missing, cut short or changed."""
    files = read_json(folder / "manifest.json")["files"]
    for name, facts in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            raise _damaged(folder, f"{name} is missing or was cut short.")
        if sha256_file(path) != facts["sha256"]:
            raise _damaged(folder, f"The content of {name} changed since it was written.")


def _damaged(folder: Path, why: str) -> CutawayError:
    return CutawayError(
        f"The checkpoint {folder.name} is damaged.",
        why,
        "Choose an older checkpoint of this run; the others are intact.",
    )


def load_checkpoint(folder: Path, groups: tuple[str, ...] = ("model",)) -> Checkpoint:
    """Verifies the hashes, then reads the named groups onto the CPU. Raises CutawayError when damaged."""
    verify_checkpoint(folder)
    try:
        tensors = {name: safetensors.torch.load_file(folder / f"{name}.safetensors") for name in groups}
    except (SafetensorError, FileNotFoundError) as error:
        raise _damaged(folder, f"{error}.") from error
    return Checkpoint(folder, checkpoint_step(folder), tensors, read_json(folder / "state.json"))


def newest_valid(root: Path) -> Path | None:
    """The newest checkpoint that verifies, or None. Damaged ones are passed over, never deleted."""
    for folder in reversed(list_checkpoints(root)):
        try:
            verify_checkpoint(folder)
        except CutawayError:
            continue
        return folder
    return None


def passed_over(root: Path, taken: Path | None) -> list[Path]:
    """Damaged checkpoints newer than the one that `newest_valid` took, oldest first, those cut short included."""
    found = [path for path in root.glob("step-*") if _NAME.fullmatch(path.name)]
    newer = [path for path in found if taken is None or checkpoint_step(path) > checkpoint_step(taken)]
    return sorted(newer, key=checkpoint_step)


def prune_checkpoints(root: Path, keep: int, protected: Path, kept: frozenset[str] = frozenset()) -> list[Path]:
    """Removes old checkpoints beyond the `keep` newest (at least two), only after `protected` verified. kept: names of
    others that stay.

    A folder leaves the list in one rename before its files go, so that no half-deleted one is ever listed.
    """
    verify_checkpoint(protected)
    old = list_checkpoints(root)[: -max(keep, 2)]
    gone = [folder for folder in old if folder != protected and folder.name not in kept]
    for folder in gone:
        os.replace(folder, root / f".trash-{folder.name}-{uuid.uuid4().hex[:6]}")
    _sweep(root, trash_only=True)
    return gone
