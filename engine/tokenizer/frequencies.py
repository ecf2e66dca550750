"""How often each token stands in a corpus, and where: read from its shards through the memory map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from engine.events import Progress
from engine.tokenizer.tokenizer import Tokenizer

_CHUNK_TOKENS = 2**20
_AROUND_TOKENS = 40


class Side(Protocol):
    """The tokens of one side, as `engine.batches.token_shards.TokenView` gives them."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> Any: ...


class Facts(Protocol):
    @property
    def vocab_size(self) -> int: ...

    @property
    def end_id(self) -> int: ...


class Shards(Protocol):
    """What `engine.batches.token_shards.TokenShards` is."""

    @property
    def facts(self) -> Facts: ...

    @property
    def train(self) -> Side: ...

    @property
    def validation(self) -> Side: ...


@dataclass(frozen=True)
class Frequencies:
    """counts: numpy int64, one number for each id. tokens: all together."""

    counts: Any
    tokens: int

    def count(self, token_id: int) -> int:
        return int(self.counts[token_id])

    def rank(self, token_id: int) -> int:
        """1 for the most frequent; equal ones share a rank."""
        return int((self.counts > self.counts[token_id]).sum()) + 1

    def share(self, token_id: int) -> float:
        """Of all tokens, 0 to 1."""
        return self.count(token_id) / max(self.tokens, 1)


@dataclass(frozen=True)
class Place:
    """One occurrence. side: "train" or "validation". position: in tokens of that side, from 0. before, text, after: of
    its document, at most 40 tokens to each side; characters that are cut in two there show as U+FFFD."""

    side: str
    position: int
    before: str
    text: str
    after: str


def frequencies(shards: Shards) -> Iterator[Progress | Frequencies]:
    """Over both sides. Tells every few milliseconds how many tokens are counted, and ends with Frequencies."""
    import numpy as np

    counts = np.zeros(shards.facts.vocab_size, dtype=np.int64)
    done, total = 0, len(shards.train) + len(shards.validation)
    for side in (shards.train, shards.validation):
        for start in range(0, len(side), _CHUNK_TOKENS):
            chunk = side[start : start + _CHUNK_TOKENS]
            counts += np.bincount(chunk, minlength=len(counts))
            done += len(chunk)
            yield Progress(done=done, total=total, unit="tokens", message="Counting")
    yield Frequencies(counts, total)


def places(shards: Shards, tokenizer: Tokenizer, token_id: int, most: int = 100) -> Iterator[Progress | Place]:
    """The first `most` occurrences, those of the training side first. Tells how many tokens were looked through."""
    import numpy as np

    found, done, total = 0, 0, len(shards.train) + len(shards.validation)
    for name, side in (("train", shards.train), ("validation", shards.validation)):
        for start in range(0, len(side), _CHUNK_TOKENS):
            chunk = side[start : start + _CHUNK_TOKENS]
            for place in np.flatnonzero(chunk == token_id)[: most - found].tolist():
                found += 1
                yield _place(name, side, start + place, tokenizer, shards.facts.end_id)
            done += len(chunk)
            if found >= most:
                return
            yield Progress(done=done, total=total, unit="tokens", message="Looking")


def _place(name: str, side: Side, position: int, tokenizer: Tokenizer, end_id: int) -> Place:
    first = max(0, position - _AROUND_TOKENS)
    before: list[int] = side[first:position].tolist()
    after: list[int] = side[position + 1 : position + 1 + _AROUND_TOKENS].tolist()
    if end_id in before:
        before = before[len(before) - before[::-1].index(end_id) :]
    if end_id in after:
        after = after[: after.index(end_id)]
    own: int = side[position : position + 1].tolist()[0]
    return Place(name, position, tokenizer.decode(before), tokenizer.token_text(own), tokenizer.decode(after))
