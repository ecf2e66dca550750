"""Writes token ids as shards, one file after another, each of a size that is easy to copy."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from engine.batches.token_shards import DTYPES

SHARD_TOKENS = 100_000_000


class ShardWriter:
    """One side's tokens: `SIDE-00000.bin` and so on. files: name -> tokens; bytes: of the texts, as UTF-8.

    Raises OSError for a full disk, OverflowError for an id that the dtype cannot hold.
    """

    def __init__(self, folder: Path, side: str, dtype: str, shard_tokens: int = SHARD_TOKENS) -> None:
        self._folder = folder
        self._side = side
        self._dtype = DTYPES[dtype]
        self._shard_tokens = shard_tokens
        self._stream: IO[bytes] | None = None
        self._name = ""
        self.files: dict[str, int] = {}
        self.bytes = 0
        self.documents = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    @property
    def tokens(self) -> int:
        return sum(self.files.values())

    def write(self, ids: list[int]) -> None:
        array = np.array(ids, dtype=self._dtype)
        while len(array):
            stream = self._open()
            part = array[: self._shard_tokens - self.files[self._name]]
            stream.write(part.tobytes())
            self.files[self._name] += len(part)
            array = array[len(part) :]

    def _open(self) -> IO[bytes]:
        """The file that still has room."""
        if self._stream is None or self.files[self._name] >= self._shard_tokens:
            if self._stream is not None:
                self._stream.close()
            self._name = f"{self._side}-{len(self.files):05d}.bin"
            self.files[self._name] = 0
            self._stream = (self._folder / self._name).open("wb")
        return self._stream
