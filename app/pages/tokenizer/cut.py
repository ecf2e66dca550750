"""A text cut into tokens, and the figures of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.widgets.token_view_colour import TokenChip
from engine.tokenizer.tokenizer import Tokenizer, clean

SHOWN_TOKENS = 20_000
AT_ONCE_CHARACTERS = 20_000
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Cut:
    """ids: of all tokens. bytes: of the text in UTF-8. words: runs of characters without white space."""

    text: str
    ids: tuple[int, ...]
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
    return len(clean(text).encode())


def cut(tokenizer: Tokenizer, text: str) -> Cut:
    """The whole text at once: for at most AT_ONCE_CHARACTERS where a person waits."""
    return joined(text, tokenizer.encode(text))


def joined(text: str, ids: Sequence[int]) -> Cut:
    return Cut(text, tuple(ids), size_of(text), len(text.split()))


def cut_in_pieces(tokenizer: Tokenizer, text: str) -> Iterator[list[int]]:
    """The same ids, piece by piece, for the engine thread."""
    for piece in tokenizer.pieces(clean(text)):
        yield tokenizer.encode(piece)


def chips(tokenizer: Tokenizer, ids: Sequence[int]) -> list[TokenChip]:
    """What the view draws: SHOWN_TOKENS at most."""
    return [TokenChip(tokenizer.token_text(i), i, tokenizer.token_bytes(i)) for i in ids[:SHOWN_TOKENS]]
