"""The workspace: one folder that holds everything a person made."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from engine.errors import CutawayError
from engine.store.artifact import Artifact, open_artifact
from engine.store.files import explain_os_error, sha256_json, write_json

FOLDERS = {"corpus": "corpora", "tokenizer": "tokenizers", "shards": "shards", "conversations": "conversations"}
MARK = "workspace.json"
WORKSPACE_VARIABLE = "CUTAWAY_WORKSPACE"


@dataclass(frozen=True)
class Workspace:
    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """Models that came from elsewhere; those of runs are in their runs."""
        return self.root / "models"

    def model_folders(self) -> list[Path]:
        """Those that came from elsewhere, the newest first."""
        found = [path.parent for path in self.models.glob("[!.]*/manifest.json")]
        return sorted(found, key=lambda folder: (folder / "manifest.json").stat().st_mtime, reverse=True)

    @property
    def trash(self) -> Path:
        return self.root / ".trash"

    def artifact_folder(
        self, kind: str, name: str, stage: str, config: dict[str, Any], parents: dict[str, str]
    ) -> Path:
        """Where the output of this very work belongs: the same work always lands in the same folder."""
        key = sha256_json({"stage": stage, "config": config, "parents": parents})
        return self.root / FOLDERS[kind] / f"{slug(name)}-{key[:10]}"

    def artifacts(self, kind: str) -> list[Artifact]:
        """All complete artifacts of a kind, newest first. Damaged ones are left out: `open_artifact` names them."""
        found = []
        for folder in (self.root / FOLDERS[kind]).glob("[!.]*"):
            try:
                found.append(open_artifact(folder, kind))
            except CutawayError:
                continue
        return sorted(found, key=lambda artifact: artifact.manifest.created, reverse=True)

    def new_run_folder(self, recipe: str, now: datetime | None = None) -> Path:
        """A fresh, existing folder below `runs/`, named by recipe and local time."""
        stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
        base = self.runs / f"{slug(recipe)}-{stamp}"
        for attempt in range(1, 1000):
            folder = base if attempt == 1 else base.with_name(f"{base.name}-{attempt}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise explain_os_error(error, folder) from error
            return folder
        raise CutawayError(f"No name is free for a run of {recipe}.", "A thousand began in this second.", "Try again.")

    def run_folders(self) -> list[Path]:
        """Recipe runs, newest first."""
        found = [path for path in self.runs.glob("[!.]*") if (path / "recipe.json").is_file()]
        return sorted(found, key=lambda path: (path / "recipe.json").stat().st_mtime, reverse=True)

    def move_to_trash(self, folder: Path) -> Path:
        """Takes a run out of the list in one rename; `restore` brings it back."""
        self.trash.mkdir(exist_ok=True)
        target = self.trash / f"{folder.name}~{uuid.uuid4().hex[:6]}"
        os.replace(folder, target)
        os.utime(target)  # when it was deleted: `trashed` goes by it
        return target

    def trashed(self) -> list[Path]:
        """What `restore` could bring back, deleted last first."""
        found = [path for path in self.trash.glob("*~*") if path.is_dir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    def restore(self, trashed: Path) -> Path:
        target = self.runs / trashed.name.rsplit("~", 1)[0]
        os.replace(trashed, target)
        return target

    def empty_trash(self) -> None:
        shutil.rmtree(self.trash, ignore_errors=True)


def slug(name: str) -> str:
    """A name that every file system takes: letters, digits, dot, dash, underscore; never empty."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.").lower()
    return cleaned[:60] or "unnamed"


def default_workspace() -> Path:
    """What CUTAWAY_WORKSPACE names, else "Cutaway" in the documents: what is made is the person's to copy and keep."""
    named = os.environ.get(WORKSPACE_VARIABLE, "")
    documents = Path(platformdirs.user_documents_dir())
    return Path(named) if named else (documents if documents.is_dir() else Path.home()) / "Cutaway"


def open_workspace(root: Path) -> Workspace:
    """Opens or makes a workspace. Raises CutawayError when it cannot be written."""
    root = root.expanduser().resolve()
    try:
        for folder in (*FOLDERS.values(), "models", "runs"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        probe = root / f".write-probe-{os.getpid()}"
        probe.write_bytes(b"ok")
        probe.unlink()
        if not (root / MARK).is_file():
            write_json(root / MARK, {"format": 1})
    except OSError as error:
        raise explain_os_error(error, root) from error
    return Workspace(root)
