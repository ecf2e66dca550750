"""Every byte is a token: 256 of them, and `<|end|>`. Nothing to learn, three to four times as many tokens as BPE."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from engine.events import Event
from engine.tokenizer.tokenizer import Tokenizer

TITLE = "Bytes"


class ByteTokenizer(Tokenizer):
    """Id b is the byte b; `<|end|>` is 256."""

    kind = "byte"

    def __init__(self) -> None:
        super().__init__([bytes([value]) for value in range(256)] + [b""], end_id=256)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "byte"}

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [list(text.encode()) for text in texts]


def load(data: dict[str, Any]) -> ByteTokenizer:
    if data != {"kind": "byte"}:
        raise ValueError("tokenizer.json is not that of a byte tokenizer")
    return ByteTokenizer()


def learn(
    texts: Callable[[], Iterator[str]], vocab_size: int, stopping: Callable[[], bool]
) -> Generator[Event, None, Tokenizer | None]:
    """There is nothing to learn: the arguments, which other kinds need, are left alone."""
    del texts, vocab_size, stopping
    yield from ()
    return ByteTokenizer()
