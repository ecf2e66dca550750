"""Reads a vocabulary, counts it in the corpus and looks for places, on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.jobs.query import EngineSide, Query
from engine.errors import CutawayError
from engine.store.files import read_json
from engine.store.workspace import Workspace
from engine.tokenizer.browse import Entry, entries, search, unreachable
from engine.tokenizer.frequencies import Frequencies, Place, frequencies, places
from engine.tokenizer.tokenizer import Tokenizer

MOST_PLACES = 200
_PLACES_A_TIME = 20


@dataclass(frozen=True)
class Vocabulary:
    """shards: the folder of the token shards that were counted, None where no corpus was cut by this tokenizer.
    lost: ids of tokens that no text becomes."""

    tokenizer: Tokenizer
    entries: Sequence[Entry]
    shards: Path | None = None
    counted: Frequencies | None = None
    lost: frozenset[int] = field(default_factory=frozenset)

    @property
    def tokens(self) -> int:
        return self.counted.tokens if self.counted is not None else 0


def reading(tokenizer: Tokenizer) -> Query:
    """Yields Progress and Ticks, and at last a Vocabulary."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.batches.token_shards import TokenShards

        folder = shards_of(side.workspace, tokenizer)
        counted = None
        for item in frequencies(TokenShards(folder)) if folder is not None else ():
            counted = item if isinstance(item, Frequencies) else counted
            yield item
        found: list[Entry] = []
        for step in entries(tokenizer, counted.counts if counted is not None else None):
            found = step if isinstance(step, list) else found
            yield None
        lost: list[Entry] = []
        for step in unreachable(tokenizer, found):
            lost = step if isinstance(step, list) else lost
            yield None
        yield Vocabulary(tokenizer, found, folder, counted, frozenset(entry.token_id for entry in lost))

    return query


def shards_of(workspace: Workspace, tokenizer: Tokenizer) -> Path | None:
    """The newest that this tokenizer made."""
    for artifact in workspace.artifacts("shards"):
        try:
            facts = read_json(artifact.folder / "shards.json")
        except CutawayError:
            continue
        if isinstance(facts, dict) and facts.get("tokenizer_hash") == tokenizer.hash:
            return artifact.folder
    return None


def searching(tokens: Sequence[Entry], wanted: str, regex: bool) -> Query:
    """Yields at last the list of those that are found."""

    def query(_: EngineSide) -> Iterator[object]:
        yield from search(tokens, wanted, regex=regex)

    return query


def placing(folder: Path, tokenizer: Tokenizer, token_id: int) -> Query:
    """Yields lists of Places, as they are found."""

    def query(_: EngineSide) -> Iterator[object]:
        from engine.batches.token_shards import TokenShards

        found: list[Place] = []
        for item in places(TokenShards(folder), tokenizer, token_id, MOST_PLACES):
            if isinstance(item, Place):
                found.append(item)
            if len(found) >= _PLACES_A_TIME:
                yield found
                found = []
        yield found

    return query
