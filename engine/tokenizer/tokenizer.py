"""What every tokenizer can do: text to ids and back, without loss, and with every byte accounted for.

All kinds are complete over bytes: each id stands for a fixed run of bytes, the bytes of a text's tokens joined are the
text's UTF-8, and so `decode(encode(text)) == text` for every text. The special token `<|end|>` separates documents, and
more of them may stand behind the vocabulary, as those of a conversation do; special tokens stand for no bytes, and no
text of a user can ever become one.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CutawayError
from engine.registry import Registry
from engine.store.files import read_json, sha256_json, write_json

END = "<|end|>"
END_TURN = "<|end_turn|>"
KINDS = Registry("engine.tokenizer.kinds", requires=("load",))
PIECE_CHARACTERS = 2**16
_TOKENIZER = "tokenizer.json"
_IDENTITY = "identity.json"
_MAX_FILE_BYTES = 512 * 2**20
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TokenSpan:
    """One token of a text. start, end: characters it touches, end exclusive. data: its bytes.

    A character whose bytes are split over several tokens belongs to all of them: their spans overlap there.
    """

    token_id: int
    start: int
    end: int
    data: bytes


@dataclass(frozen=True)
class SpecialToken:
    """left, right: whether white space before or after it belongs to it, and so becomes nothing. word: whether it is
    one only between characters that belong to no word."""

    token_id: int
    left: bool = False
    right: bool = False
    word: bool = False


class Tokenizer(ABC):
    """kind: its file in `kinds/`. vocab_size: ids are 0 .. vocab_size - 1. end_id: of `<|end|>`, or what an imported
    one has in its place; end_ids: all that end a text. start_ids: what stands before every text, as Llama wants it.
    special: by name, the tokens that no text becomes.

    hash: sha256 over everything that decides which ids a text receives; equal hashes mean equal ids.
    """

    kind: str

    def __init__(self, vocabulary: Sequence[bytes], end_id: int, added: Sequence[str] = ()) -> None:
        """added: names of special tokens behind the vocabulary. ValueError for one that is there already."""
        if len({END, *added}) != len(added) + 1 or not all(added):
            raise ValueError("A special token is named twice, or has no name")
        self.added = tuple(added)
        first = len(vocabulary)
        self._vocabulary = (*vocabulary, *[b""] * len(added))
        self.vocab_size = len(self._vocabulary)
        self.end_id = end_id
        self.special: Mapping[str, SpecialToken] = {
            END: SpecialToken(end_id),
            **{name: SpecialToken(first + index) for index, name in enumerate(added)},
        }
        self.end_ids = frozenset(self.special[name].token_id for name in (END, END_TURN) if name in self.special)
        self.start_ids: tuple[int, ...] = ()
        self.hash = sha256_json(self.identity())

    @property
    def special_ids(self) -> dict[str, int]:
        """Name and id of every token that no text becomes."""
        return {name: token.token_id for name, token in self.special.items()}

    @property
    def names(self) -> Mapping[str, str]:
        """Special tokens by what they are for, as chat templates ask for them: "bos_token", "eos_token", ..."""
        first = self.start_ids[0] if self.start_ids else self.end_id
        return {"bos_token": self.token_text(first), "eos_token": self.token_text(self.end_id)}

    @abstractmethod
    def with_special(self, names: Sequence[str]) -> Tokenizer:
        """The same with these special tokens behind its vocabulary: every text keeps its ids. `<|end_turn|>` ends a
        text as well. ValueError, in words, for a name that it has already."""

    @property
    def merges(self) -> list[tuple[bytes, bytes]]:
        """Learned pairs in the order in which they are applied; empty for kinds that learn none."""
        return []

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything that `load` of this kind needs to build it again."""

    def identity(self) -> dict[str, Any]:
        """Everything that decides ids, and nothing that another version might write differently."""
        return self.to_json()

    @abstractmethod
    def pieces(self, text: str) -> Iterator[str]:
        """Cuts a text into pieces of at most 65,536 characters whose ids, joined, are those of the whole text;
        at least one piece, which may be empty."""

    @abstractmethod
    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        """Ids of each piece; none holds a lone surrogate."""

    def encode(self, text: str) -> list[int]:
        """Ids of the text, never a special one. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
        ids: list[int] = []
        for piece in self.pieces(clean(text)):
            ids += self._encode_pieces([piece])[0]
        return ids

    def encode_behind(self, text: str) -> list[int]:
        """Ids of a text that follows a special token. For some imported ones it begins otherwise than a first text."""
        return self.encode(text)

    def spans_behind(self, text: str) -> list[TokenSpan]:
        """`spans` of a text that follows a special token."""
        return self.spans(text)

    def prompt(self, text: str) -> list[int]:
        """What a model reads when a text begins: `start_ids` and the text."""
        return [*self.start_ids, *self.encode(text)]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The same for many short texts at once, which is quicker. Longer ones: cut them with `pieces` first."""
        cleaned = [clean(text) for text in texts]
        if all(len(text) <= PIECE_CHARACTERS for text in cleaned):
            return self._encode_pieces(cleaned)
        return [self.encode(text) for text in cleaned]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; bytes that are no UTF-8 become U+FFFD, special tokens become nothing."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """Raises CutawayError for an id outside the vocabulary."""
        if not 0 <= token_id < self.vocab_size:
            raise CutawayError(
                f"There is no token {token_id}.",
                f"The vocabulary has the ids 0 to {self.vocab_size - 1}.",
                "Use the tokenizer that the text or the model was made with.",
            )
        return self._vocabulary[token_id]

    def token_text(self, token_id: int) -> str:
        """For display: part of a character shows as U+FFFD, a special token by its name."""
        data = self.token_bytes(token_id)
        if not data:
            return next((name for name, token in self.special.items() if token.token_id == token_id), "")
        return data.decode("utf-8", errors="replace")

    def spans(self, text: str) -> list[TokenSpan]:
        """Every token of the text with the characters that it touches, in order."""
        owners = [index for index, character in enumerate(clean(text)) for _ in character.encode()]
        spans, position = [], 0
        for token_id in self.encode(text):
            data = self._vocabulary[token_id]
            last = position + len(data) - 1
            spans.append(TokenSpan(token_id, owners[position], owners[last] + 1, data))
            position = last + 1
        return spans


def even_pieces(text: str) -> Iterator[str]:
    """For kinds whose tokens never reach over a character: any cut will do."""
    for start in range(0, max(len(text), 1), PIECE_CHARACTERS):
        yield text[start : start + PIECE_CHARACTERS]


def clean(text: str) -> str:
    """The text with lone surrogates replaced, as long as it was."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def added_names(value: Any) -> tuple[str, ...]:
    """Names of added special tokens from a file. ValueError for what is no list of texts."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("Its added special tokens are no list of names")
    return tuple(value)


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes `tokenizer.json` (for BPE the file format of the `tokenizers` library) and `identity.json`."""
    write_json(folder / _TOKENIZER, tokenizer.to_json())
    identity = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size, "hash": tokenizer.hash}
    write_json(folder / _IDENTITY, identity)


def load_tokenizer(folder: Path) -> Tokenizer:
    """Raises CutawayError for a missing, foreign or damaged file, in words."""
    identity = read_json(folder / _IDENTITY)
    path = folder / _TOKENIZER
    if path.is_file() and path.stat().st_size > _MAX_FILE_BYTES:
        raise _unusable(folder, f"{_TOKENIZER} is larger than {_MAX_FILE_BYTES // 2**20} MB")
    data = read_json(path)
    if not isinstance(identity, dict) or not isinstance(data, dict):
        raise _unusable(folder, "Its files do not hold what a tokenizer consists of")
    kind = identity.get("kind")
    if kind not in KINDS.names():
        raise _unusable(folder, f"It is of a kind that this version does not know: {kind!r}")
    try:
        tokenizer: Tokenizer = KINDS.load(str(kind)).load(data)
    except ValueError as error:
        raise _unusable(folder, str(error)) from error
    if tokenizer.hash != identity.get("hash"):
        raise _unusable(folder, f"The content of {_TOKENIZER} changed since it was written")
    return tokenizer


def _unusable(folder: Path, why: str) -> CutawayError:
    return CutawayError(
        f"The tokenizer in {folder} cannot be used.",
        f"{why.rstrip('.')}.",
        "Train the tokenizer again, or copy it anew.",
    )
