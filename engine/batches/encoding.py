"""From texts to shards: encodes in chunks of bounded size, so that memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.batches.shard_writer import ShardWriter
from engine.corpus.split import Part, Side
from engine.tokenizer.tokenizer import Tokenizer, clean

_CHUNK_CHARACTERS = 2**17


@dataclass(frozen=True)
class _Piece:
    side: Side
    text: str
    ends: bool


def encode_parts(
    parts: Iterable[Part], tokenizer: Tokenizer, writers: dict[Side, ShardWriter], separate: bool
) -> Iterator[int]:
    """Writes every part to its side and yields, about every 30 ms, how many bytes of text are done.

    separate: `<|end|>` after each document. It counts as a token and as no byte.
    """
    done = 0
    for chunk in _chunks(parts, tokenizer):
        for piece, ids in zip(chunk, tokenizer.encode_batch(piece.text for piece in chunk), strict=True):
            writer = writers[piece.side]
            writer.write([*ids, tokenizer.end_id] if piece.ends and separate else ids)
            size = len(piece.text.encode())
            writer.bytes += size
            writer.documents += piece.ends
            done += size
        yield done


def _chunks(parts: Iterable[Part], tokenizer: Tokenizer) -> Iterator[list[_Piece]]:
    chunk: list[_Piece] = []
    size = 0
    for part in parts:
        for piece in _pieces(part, tokenizer):
            chunk.append(piece)
            size += len(piece.text)
            if size >= _CHUNK_CHARACTERS:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


def _pieces(part: Part, tokenizer: Tokenizer) -> Iterator[_Piece]:
    *begin, last = tokenizer.pieces(clean(part.text))
    for text in begin:
        yield _Piece(part.side, text, False)
    yield _Piece(part.side, last, part.ends)
