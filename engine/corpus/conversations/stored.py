"""Conversations as an artifact: what is learned from, what is held out, what was rejected, and what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.rejected import Rejected
from engine.errors import CutawayError
from engine.store.files import read_json

Side = Literal["train", "held_out"]
SIDES: tuple[Side, Side] = ("train", "held_out")
REJECTED, FACTS = "rejected.jsonl", "facts.json"


def file_of(side: Side) -> str:
    return f"{side}.jsonl"


def read_stored(artifact_folder: Path, side: Side) -> list[Conversation]:
    """In the order of the file. Raises CutawayError when the file is missing or damaged."""
    return list(iter_stored(artifact_folder, side))


def iter_stored(artifact_folder: Path, side: Side) -> Iterator[Conversation]:
    path = artifact_folder / file_of(side)
    for number, row in _rows(path):
        try:
            yield Conversation.from_json(row)
        except (KeyError, TypeError, AttributeError) as error:
            raise _damaged(path, number, error) from error


def read_rejected(artifact_folder: Path, most: int = 1_000) -> list[Rejected]:
    """The first `most`; how many there are in all stands in the artifact's figures."""
    path = artifact_folder / REJECTED
    found: list[Rejected] = []
    for number, row in _rows(path):
        if len(found) == most:
            break
        try:
            found.append(Rejected(**row))
        except TypeError as error:
            raise _damaged(path, number, error) from error
    return found


def read_facts(artifact_folder: Path) -> dict[str, Any]:
    """format, reason, files, labels, topics, held_out_topics, duplicates, notices."""
    facts: dict[str, Any] = read_json(artifact_folder / FACTS)
    return facts


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                yield number, json.loads(line)
    except (OSError, ValueError) as error:
        raise _damaged(path, number, error) from error


def _damaged(path: Path, number: int, error: Exception) -> CutawayError:
    where = f"Line {number}: " if number else ""
    return CutawayError(f"{path} could not be read.", f"{where}{error}.", "Make these conversations again.")
