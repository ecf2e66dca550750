"""Every byte is a token: 256 of them, and `<|end|>`. Nothing to learn, three to four times as many tokens as BPE."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from engine.events import Event
from engine.tokenizer.tokenizer import Tokenizer, even_pieces
from engine.tokenizer.training_text import TrainingText

TITLE = "Bytes"


class ByteTokenizer(Tokenizer):
    """Id b is the byte b; `<|end|>` is 256."""

    kind = "byte"

    def __init__(self) -> None:
        super().__init__([bytes([value]) for value in range(256)] + [b""], end_id=256)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "byte"}

    def pieces(self, text: str) -> Iterator[str]:
        return even_pieces(text)

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        return [list(piece.encode()) for piece in pieces]


def load(data: dict[str, Any]) -> ByteTokenizer:
    if data != {"kind": "byte"}:
        raise ValueError("tokenizer.json is not that of a byte tokenizer")
    return ByteTokenizer()


def learn(texts: TrainingText, vocab_size: int) -> Generator[Event, None, Tokenizer]:
    """There is nothing to learn: the arguments, which other kinds need, are left alone."""
    del texts, vocab_size
    yield from ()
    return ByteTokenizer()
