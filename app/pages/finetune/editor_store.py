"""Conversations of one's own on disk: OpenAI messages, one JSON object a line, in the workspace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.corpus.conversation import Conversation
from engine.errors import CutawayError
from engine.store.files import explain_os_error, write_atomic
from engine.store.workspace import FOLDERS, Workspace

MOST_BYTES = 4 * 2**20
NAME = "your-own.jsonl"


@dataclass(frozen=True)
class Stored:
    """broken: the file put aside because a line of it was no conversation; None when all were."""

    conversations: tuple[Conversation, ...]
    broken: Path | None = None


def place_of(workspace: Workspace) -> Path:
    return workspace.root / FOLDERS["conversations"] / NAME


def load(path: Path) -> Stored:
    """Drafts too: what is not complete yet is kept as it was left. Raises CutawayError when the file cannot be read,
    or is too large for an editor. A file with a line that is no conversation is put aside first, so that nothing of it
    is lost."""
    if not path.is_file():
        return Stored(())
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CutawayError(
                f"{path.name} is too large to be edited here.",
                f"It has {path.stat().st_size / 1e6:.1f} MB, and the editor takes {MOST_BYTES / 1e6:.0f} MB.",
                "Choose it under Files, which has no limit.",
            )
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise CutawayError(f"{path} could not be read.", f"{error}.", "Check the disk, then try again.") from error
    read = [_conversation(line, number) for number, line in enumerate(lines, 1)]
    kept = tuple(conversation for conversation in read if conversation is not None)
    return Stored(kept, _put_aside(path) if len(kept) < len(read) else None)


def save(path: Path, conversations: Sequence[Conversation], *, durable: bool = True) -> None:
    """Replaces the file in one step. durable: waits until the disk has it. Raises CutawayError."""
    lines = [json.dumps(_line(conversation), ensure_ascii=False) + "\n" for conversation in conversations]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, "".join(lines).encode("utf-8", errors="replace"), durable=durable)
    except OSError as error:
        raise explain_os_error(error, path) from error


def _line(conversation: Conversation) -> dict[str, object]:
    """Where it came from is told by the file itself."""
    told = conversation.to_json()
    del told["source"]
    return told


def _conversation(line: str, number: int) -> Conversation | None:
    try:
        data = json.loads(line)
        found = Conversation.from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not all(isinstance(m.role, str) and isinstance(m.content, str) for m in found.messages):
        return None
    return replace(found, source=f"{NAME}:{number}")


def _put_aside(path: Path) -> Path:
    for number in range(1, 1000):
        aside = path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")
        if not aside.exists():
            try:
                aside.write_bytes(path.read_bytes())
            except OSError as error:
                raise explain_os_error(error, aside) from error
            return aside
    raise CutawayError(
        f"{path.name} is damaged, and no name is free for a copy.", "A thousand copies stand beside it.", "Remove some."
    )
