"""An artifact: a finished folder that knows what it is and what it was made from."""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from engine import __version__
from engine.errors import CutawayError
from engine.store.files import explain_os_error, fsync_path, read_json, sha256_file, sha256_json, write_json

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says. parents: role -> hash of the parent artifact. figures: what a card shows
    (counts, units in the name). files: name -> {"bytes": n, "sha256": hex}."""

    kind: str
    stage: str
    config: dict[str, Any]
    parents: dict[str, str]
    figures: dict[str, float | int | str]
    files: dict[str, dict[str, Any]]
    licence: str = "unknown"
    source: str = "unknown"
    created: str = ""
    version: str = __version__

    @property
    def hash(self) -> str:
        """Identity by content and origin: equal work gives an equal hash on any day and machine."""
        value = asdict(self)
        for unstable in ("created", "version"):
            del value[unstable]
        return sha256_json(value)


@dataclass(frozen=True)
class Artifact:
    folder: Path
    manifest: Manifest

    @property
    def hash(self) -> str:
        return self.manifest.hash

    def file(self, name: str) -> Path:
        return self.folder / name


@dataclass
class Draft:
    """An artifact in the making: write files into `folder`, set the rest, leave the context."""

    folder: Path
    figures: dict[str, float | int | str] = field(default_factory=dict)
    licence: str = "unknown"
    source: str = "unknown"


def open_artifact(folder: Path, kind: str) -> Artifact:
    """Reads the manifest and checks that every file is there in full length (hashes: `verify`)."""
    data = read_json(folder / MANIFEST)
    try:
        manifest = Manifest(**data)
    except TypeError as error:
        raise CutawayError(
            f"{folder / MANIFEST} is not a manifest of Cutaway.", f"{error}.", "Make the artifact again."
        ) from error
    if manifest.kind != kind:
        raise CutawayError(
            f"{folder.name} is a {manifest.kind}, not a {kind}.",
            "Its manifest says so.",
            f"Choose a {kind}.",
        )
    for name, facts in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            raise CutawayError(
                f"The {kind} {folder.name} is damaged.",
                f"{name} is missing or was cut short.",
                "Delete the folder and run the stage again.",
            )
    return Artifact(folder, manifest)


def verify(artifact: Artifact) -> None:
    """Reads every byte and raises CutawayError for the first file whose hash differs."""
    for name, facts in artifact.manifest.files.items():
        if sha256_file(artifact.file(name)) != facts["sha256"]:
            raise CutawayError(
                f"The {artifact.manifest.kind} {artifact.folder.name} is damaged.",
                f"The content of {name} changed since it was written.",
                "Delete the folder and run the stage again.",
            )


@contextmanager
def making_artifact(
    folder: Path, *, kind: str, stage: str, config: dict[str, Any], parents: dict[str, str]
) -> Iterator[Draft]:
    """Yields a Draft whose folder is temporary; on success it becomes `folder` in one rename.

    On any exception, and when the generator that uses it is closed, the draft is removed and `folder`
    is as it was. Raises CutawayError for a full disk or a read-only workspace.
    """
    temporary = folder.with_name(f"{_draft_prefix(folder)}{os.getpid()}")
    try:
        _sweep_drafts(folder)
        temporary.mkdir(parents=True)
        draft = Draft(temporary)
        yield draft
        files = {
            path.relative_to(temporary).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        for name in files:
            fsync_path(temporary / name)
        # JSON turns tuples into lists: the hash must not depend on whether a manifest was written or read.
        manifest = Manifest(
            kind=kind,
            stage=stage,
            config=json.loads(json.dumps(config)),
            parents=parents,
            figures=draft.figures,
            files=files,
            licence=draft.licence,
            source=draft.source,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_json(temporary / MANIFEST, asdict(manifest))
        _publish(temporary, folder, manifest)
    except OSError as error:
        raise explain_os_error(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path, manifest: Manifest) -> None:
    """Puts the draft into its place. Equal work of another process that was there first stays: somebody may read it."""
    while True:
        try:
            os.replace(temporary, folder)
        except OSError:
            if not folder.exists():
                raise
            if _stands(folder, manifest):
                return
            shutil.rmtree(folder)
        else:
            fsync_path(folder.parent)
            return


def _stands(folder: Path, manifest: Manifest) -> bool:
    """Whether this very artifact is there and undamaged."""
    try:
        artifact = open_artifact(folder, manifest.kind)
        verify(artifact)
    except CutawayError:
        return False
    return artifact.hash == manifest.hash


def _draft_prefix(folder: Path) -> str:
    return f".tmp-{folder.name}-{socket.gethostname()}-"


def _sweep_drafts(folder: Path) -> None:
    """Removes drafts of this artifact whose process on this computer was killed, or was this one."""
    for draft in folder.parent.glob(f"{glob.escape(_draft_prefix(folder))}*"):
        writer = draft.name.rsplit("-", 1)[1]
        if writer == str(os.getpid()) or (writer.isdigit() and not psutil.pid_exists(int(writer))):
            shutil.rmtree(draft, ignore_errors=True)
