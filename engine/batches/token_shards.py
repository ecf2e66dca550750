"""Token ids on disk: plain little-endian integers, read through the memory map, with their meaning written beside them.

train-00000.bin ...  validation-00000.bin ...  shards.json
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import CutawayError
from engine.store.files import read_json, write_json
from engine.tokenizer.tokenizer import Tokenizer

FACTS = "shards.json"
SIDES = ("train", "validation")
DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}
_SCAN_TOKENS = 2**22
_COUNTS = ("_tokens", "_bytes", "_documents", "_size", "_id")

TokenArray = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class ShardFacts:
    """`shards.json`. tokens: `<|end|>` included. bytes: raw UTF-8 of the texts, where `<|end|>` counts nothing, so that
    bits per byte = loss in nats / ln 2 * tokens / bytes also charges a model for predicting where documents end.

    end_of_document: "after" when `<|end|>` follows every document. files: name -> number of tokens, in order.
    """

    dtype: str
    vocab_size: int
    tokenizer_hash: str
    end_id: int
    end_of_document: str
    train_tokens: int
    validation_tokens: int
    train_bytes: int
    validation_bytes: int
    train_documents: int
    validation_documents: int
    files: dict[str, int]

    @property
    def validation_tokens_per_byte(self) -> float:
        return self.validation_tokens / self.validation_bytes

    @property
    def bytes_per_token(self) -> float:
        """Over both sides."""
        return (self.train_bytes + self.validation_bytes) / (self.train_tokens + self.validation_tokens)


def dtype_for(vocab_size: int) -> str:
    """The smallest integer that holds every id."""
    return "uint16" if vocab_size <= 65_536 else "uint32"


class TokenView:
    """Several files read as one array: `len`, and slices (step 1), which come as numpy arrays.

    A slice within one file is a view of the memory map; one over a border is a copy.
    """

    def __init__(self, parts: Sequence[TokenArray]) -> None:
        self._parts = list(parts)
        self._ends = list(accumulate(len(part) for part in self._parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, where: slice) -> TokenArray:
        start, stop, step = where.indices(len(self))
        if step != 1:
            raise ValueError("a view of tokens has no steps")
        pieces = []
        while start < stop:
            part = bisect_right(self._ends, start)
            offset = self._ends[part] - len(self._parts[part])
            end = min(stop, self._ends[part])
            pieces.append(self._parts[part][start - offset : end - offset])
            start = end
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.uint16)


class TokenShards:
    """The tokens of a corpus, opened and checked: every file whole, every id within the vocabulary.

    The check reads every byte once: about a second for 5 GB that are in memory, the disk's speed otherwise.
    Raises CutawayError for anything that is missing, cut short, foreign or out of range.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = _read_facts(folder)
        self.train = self._open("train", self.facts.train_tokens)
        self.validation = self._open("validation", self.facts.validation_tokens)

    def _open(self, side: str, expected: int) -> TokenView:
        names = [name for name in self.facts.files if name.startswith(f"{side}-")]
        view = TokenView([self._map(name, self.facts.files[name]) for name in names])
        if len(view) != expected:
            raise _damaged(self.folder, f"{FACTS} promises {expected:,} {side} tokens and lists {len(view):,}")
        return view

    def _map(self, name: str, tokens: int) -> TokenArray:
        dtype = DTYPES[self.facts.dtype]
        path = self.folder / name
        found = path.stat().st_size if path.is_file() else -1
        if found != tokens * dtype.itemsize:
            seen = "is missing" if found < 0 else f"has {found:,} bytes instead of {tokens * dtype.itemsize:,}"
            raise _damaged(self.folder, f"{name} {seen}")
        if tokens == 0:  # an empty file cannot be mapped
            nothing: TokenArray = np.empty(0, dtype=dtype)
            return nothing
        # A plain array over the map: slicing np.memmap itself costs several microseconds more.
        ids: TokenArray = np.asarray(np.memmap(path, dtype=dtype, mode="r"))
        for start in range(0, tokens, _SCAN_TOKENS):
            largest = int(ids[start : start + _SCAN_TOKENS].max())
            if largest >= self.facts.vocab_size:
                why = f"{name} holds the token {largest}, and the vocabulary ends at {self.facts.vocab_size - 1}"
                raise _damaged(self.folder, why)
        return ids


def check_tokenizer(shards: TokenShards, tokenizer: Tokenizer) -> None:
    """Raises CutawayError unless these tokens were made by this very tokenizer."""
    if shards.facts.tokenizer_hash != tokenizer.hash:
        raise CutawayError(
            "These tokens belong to another tokenizer.",
            f"They were made by {shards.facts.tokenizer_hash[:10]}, and this one is {tokenizer.hash[:10]}.",
            "Run the stage Tokenize again with this tokenizer.",
        )


def write_facts(folder: Path, facts: ShardFacts) -> None:
    write_json(folder / FACTS, asdict(facts))


def _read_facts(folder: Path) -> ShardFacts:
    data = read_json(folder / FACTS)
    try:
        facts = ShardFacts(**data)
        counts = [value for name, value in data.items() if name.endswith(_COUNTS)] + list(facts.files.values())
    except (TypeError, AttributeError) as error:
        raise _damaged(folder, f"{FACTS} lacks something, or has something foreign: {error}") from error
    if not isinstance(facts.dtype, str) or facts.dtype not in DTYPES:
        raise _damaged(folder, f"{FACTS} names a type of number that Cutaway does not write: {facts.dtype!r}")
    if any(not isinstance(count, int) or count < 0 for count in counts):
        raise _damaged(folder, f"{FACTS} holds a count that is no whole number")
    if any(Path(name).name != name or not name.startswith(SIDES) for name in facts.files):
        raise _damaged(folder, f"{FACTS} lists files that are no shards")
    return facts


def _damaged(folder: Path, why: str) -> CutawayError:
    return CutawayError(
        f"The token shards {folder.name} cannot be used.", f"{why}.", "Delete the folder and run Tokenize again."
    )
