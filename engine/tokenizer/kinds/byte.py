"""Every byte is a token: 256 of them, then `<|end|>`. Nothing to learn, three to four times as many tokens as BPE."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from engine.events import Event
from engine.tokenizer.tokenizer import Tokenizer, added_names, even_pieces
from engine.tokenizer.training_text import TrainingText

TITLE = "Bytes"


class ByteTokenizer(Tokenizer):
    """Id b is the byte b; `<|end|>` is 256, and added special tokens follow."""

    kind = "byte"

    def __init__(self, added: Sequence[str] = ()) -> None:
        super().__init__([bytes([value]) for value in range(256)] + [b""], 256, added)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "byte"} | ({"added": list(self.added)} if self.added else {})

    def with_special(self, names: Sequence[str]) -> ByteTokenizer:
        return ByteTokenizer((*self.added, *names))

    def pieces(self, text: str) -> Iterator[str]:
        return even_pieces(text)

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        return [list(piece.encode()) for piece in pieces]


def load(data: dict[str, Any]) -> ByteTokenizer:
    tokenizer = ByteTokenizer(added_names(data.get("added")))
    if data != tokenizer.to_json():
        raise ValueError("tokenizer.json is not that of a byte tokenizer")
    return tokenizer


def learn(
    texts: TrainingText, vocab_size: int, pattern: str = "", min_frequency: int = 0
) -> Generator[Event, None, Tokenizer]:
    """There is nothing to learn: the arguments, which other kinds need, are left alone."""
    del texts, vocab_size, pattern, min_frequency
    yield from ()
    return ByteTokenizer()
