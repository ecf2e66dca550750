"""A text cut into tokens, and the figures of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.widgets.token_view_colour import TokenChip
from engine.tokenizer.tokenizer import Tokenizer, clean

SHOWN_TOKENS = 2_000_000
AT_ONCE_CHARACTERS = 20_000
MOST_BYTES = 10_000_000


@dataclass(frozen=True, eq=False)
class Cut:
    """ids: of all tokens. bytes: of the text in UTF-8. words: runs of characters without white space."""

    text: str
    ids: array[int]
    bytes: int
    words: int

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / len(self.ids) if self.ids else 0.0

    @property
    def tokens_per_word(self) -> float:
        return len(self.ids) / self.words if self.words else 0.0

    def words_in(self, tokens: int) -> int:
        """How many words of such a text stand in so many tokens."""
        return int(tokens / self.tokens_per_word) if self.ids and self.words else 0


def size_of(text: str) -> int:
    """Bytes in UTF-8, a lone surrogate counted as the sign that stands in for it."""
    return len(text) if text.isascii() else len(clean(text).encode())


def cut(tokenizer: Tokenizer, text: str) -> Cut:
    """The whole text at once: for at most AT_ONCE_CHARACTERS where a person waits."""
    return joined(text, tokenizer.encode(text))


def joined(text: str, ids: Iterable[int]) -> Cut:
    return Cut(text, array("i", ids), size_of(text), len(text.split()))


def cut_in_pieces(tokenizer: Tokenizer, text: str) -> Iterator[float | Cut]:
    """The same ids, piece by piece, for the engine thread. Tells the share that is done, and ends with the Cut."""
    ids, done = array("i"), 0
    for piece in tokenizer.pieces(clean(text)):
        ids.extend(tokenizer.encode(piece))
        done += len(piece)
        yield done / max(len(text), 1)
    yield joined(text, ids)


def chip_of(tokenizer: Tokenizer, token_id: int) -> TokenChip:
    """What the view draws for an id. One without bytes is special; no text of a person becomes one."""
    data = tokenizer.token_bytes(token_id)
    return TokenChip(tokenizer.token_text(token_id), token_id, data, special=not data)
