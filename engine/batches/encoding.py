"""From texts to shards: encodes in chunks of bounded size, so that memory does not grow with the corpus."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from engine.batches.shard_writer import ShardWriter
from engine.corpus.split import Part, Side
from engine.tokenizer.tokenizer import PIECE_CHARACTERS, Tokenizer, clean

_CHUNK_CHARACTERS = 2**18
# The library lets go of Python's lock: while one thread puts ids into lists the other encodes, and chunks are written.
_THREADS = 2


class _Piece(NamedTuple):  # made for every document: a tuple is made three times as fast as a dataclass
    side: Side
    text: str
    ends: bool


def encode_parts(
    parts: Iterable[Part], tokenizer: Tokenizer, writers: dict[Side, ShardWriter], separate: bool
) -> Iterator[int]:
    """Writes every part to its side and yields, about every 40 ms, how many bytes of text are done.

    separate: `<|end|>` after each document. It counts as a token and as no byte.
    """
    done = 0
    for chunk, encoded in _encoded(_chunks(parts, tokenizer), tokenizer):
        joined: dict[Side, list[int]] = {side: [] for side in writers}
        for (side, text, ends), ids in zip(chunk, encoded, strict=True):
            joined[side] += ids
            if ends and separate:
                joined[side].append(tokenizer.end_id)
            size = len(text) if text.isascii() else len(text.encode())
            writers[side].bytes += size
            writers[side].documents += ends
            done += size
        for side, ids in joined.items():
            writers[side].write(ids)
        yield done


def _encoded(chunks: Iterator[list[_Piece]], tokenizer: Tokenizer) -> Iterator[tuple[list[_Piece], list[list[int]]]]:
    """Each chunk with the ids of its pieces, in order; a few of them are worked on ahead."""
    with ThreadPoolExecutor(_THREADS, "encoding") as pool:
        ahead: deque[tuple[list[_Piece], Future[list[list[int]]]]] = deque()
        for chunk in chunks:
            ahead.append((chunk, pool.submit(tokenizer.encode_batch, [piece.text for piece in chunk])))
            if len(ahead) > _THREADS:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()


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


def _pieces(part: Part, tokenizer: Tokenizer) -> list[_Piece]:
    text = clean(part.text)
    if len(text) <= PIECE_CHARACTERS:
        return [_Piece(part.side, text, part.ends)]
    *begin, last = tokenizer.pieces(text)
    return [*(_Piece(part.side, piece, False) for piece in begin), _Piece(part.side, last, part.ends)]
