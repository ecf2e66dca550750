"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from engine.errors import CutawayError

_RESERVE_BYTES = 16 * 2**20
_REMEDIES = {
    errno.ENOSPC: ("The disk is full.", "Free some space; everything saved before is intact."),
    errno.EDQUOT: ("The disk quota is used up.", "Free some space; everything saved before is intact."),
    errno.EROFS: ("The file system is read-only.", "Choose a workspace in a folder that you may write."),
    errno.EACCES: ("Permission was denied.", "Choose a workspace in a folder that you may write."),
    errno.EPERM: ("Permission was denied.", "Choose a workspace in a folder that you may write."),
}


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Hash of a JSON value, independent of key order and spacing."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fsync_path(path: Path) -> None:
    """Flushes a file, or a directory's entries, to the disk. Windows cannot open directories: skipped there."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replaces `path` in one step: a reader sees the old bytes or the new ones, never a mixture."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_path(path.parent)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    write_atomic(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode(), durable=durable)


def read_json(path: Path) -> Any:
    """Raises CutawayError when the file is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CutawayError(
            f"{path.name} is missing in {path.parent}.",
            "The folder is incomplete, or was not made by Cutaway.",
            "Choose another folder, or make this one again.",
        ) from error
    except (ValueError, OSError) as error:
        raise CutawayError(
            f"{path} could not be read.", f"{error}.", "Restore it from a copy, or make it again."
        ) from error


def ensure_space(folder: Path, needed: int) -> None:
    """Raises CutawayError, before anything is written, when `needed` bytes and a reserve do not fit."""
    free = shutil.disk_usage(folder).free
    if free < needed + _RESERVE_BYTES:
        raise CutawayError(
            f"There is not enough space on the disk of {folder}.",
            f"{needed / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are free.",
            "Free some space or choose another workspace; nothing that existed was changed.",
        )


def refuses_to_write(error: OSError) -> bool:
    """Whether the disk's state is the cause, rather than a mistake of ours."""
    return error.errno in _REMEDIES


def explain_os_error(error: OSError, path: Path) -> CutawayError:
    """A full disk, a read-only folder or a missing permission, in words."""
    why, remedy = _REMEDIES.get(error.errno or 0, (f"{error.strerror or error}.", "Check the disk, then try again."))
    return CutawayError(f"{path} could not be written.", why, remedy)
