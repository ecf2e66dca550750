"""What a GGUF file says it holds, checked against what it can hold before anything is believed.

Layout (ggml-org/ggml, docs/gguf.md): magic, version, counts, key/value pairs, tensor infos, padding, tensor data.
The `gguf` library's own reader is made for files that one trusts: it builds a Python object for each token and takes
counts and offsets as they come.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.errors import CutawayError

MAX_TENSORS = 100_000
MAX_PAIRS = 10_000
MAX_DIMENSIONS = 4
MAX_NAME_BYTES = 256
MAX_TEXT_BYTES = 2**24
MAX_ITEMS = 2**24  # of all lists together; the largest vocabularies and their merges are a million
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# GGML's type numbers that are read: name, elements of a block, bytes of a block (ggml.h, ggml-common.h).
TYPES = {0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 8: ("q8_0", 32, 34), 30: ("bf16", 1, 2)}
_UNREAD = {3: "q4_1", 6: "q5_0", 7: "q5_1", 10: "q2_K", 11: "q3_K", 12: "q4_K", 13: "q5_K", 14: "q6_K", 15: "q8_K"}


@dataclass(frozen=True)
class GgufTensor:
    """shape: as torch has it, slowest dimension first. offset: of its first byte in the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class GgufHeader:
    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]


def damaged(path: Path, why: str) -> CutawayError:
    return CutawayError(f"{path.name} is not a GGUF file that can be read.", why, "Download or export it again.")


def read_header(path: Path) -> GgufHeader:
    """Reads no tensor data. Raises CutawayError for a file that is no GGUF, is cut short or contradicts itself."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            if stream.read(4) != b"GGUF":
                raise damaged(path, "It does not begin with the letters GGUF.")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Parser(path, data, size).parse()
    except OSError as error:
        raise CutawayError(
            f"{path} could not be read.", f"{error.strerror or error}.", "Check the path and its permissions."
        ) from error


class _Parser:
    def __init__(self, path: Path, data: mmap.mmap, size: int) -> None:
        self.path = path
        self.data = data
        self.size = size
        self.at = 4
        self.items = 0

    def parse(self) -> GgufHeader:
        version = self.number("I")
        if version not in (2, 3):
            raise damaged(self.path, f"Its version is {version}; 2 and 3 in little-endian order are known.")
        count, pairs = self.number("Q"), self.number("Q")
        if count > MAX_TENSORS or pairs > MAX_PAIRS:
            raise damaged(self.path, f"It claims {count:,} tensors and {pairs:,} settings.")
        metadata: dict[str, Any] = {}
        for _ in range(pairs):
            key = self.text(MAX_NAME_BYTES)
            if key in metadata:
                raise damaged(self.path, f"It sets {key} twice.")
            metadata[key] = self.value(self.number("I"))
        infos = [self.info() for _ in range(count)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 2**16 or alignment & (alignment - 1):
            raise damaged(self.path, f"Its alignment is {alignment!r}.")
        begin = -(-self.at // alignment) * alignment
        return GgufHeader(self.path, metadata, self.placed(infos, begin))

    def placed(self, infos: list[tuple[str, tuple[int, ...], int, int]], begin: int) -> dict[str, GgufTensor]:
        """With sizes, none outside the file and no two over each other."""
        found: dict[str, GgufTensor] = {}
        for name, shape, kind, offset in infos:
            if name in found:
                raise damaged(self.path, f"It holds {name} twice.")
            type_name, block, block_bytes = self.type_of(name, kind)
            elements = math.prod(shape)
            if shape[-1] % block:
                raise damaged(self.path, f"{name} has rows of {shape[-1]}, which {type_name} cannot hold.")
            length = elements // block * block_bytes
            if begin + offset + length > self.size:
                raise damaged(self.path, f"{name} would end beyond the end of the file: it was cut short, or lies.")
            found[name] = GgufTensor(name, shape, type_name, begin + offset, length)
        ends = sorted((tensor.offset, tensor.offset + tensor.bytes, tensor.name) for tensor in found.values())
        for (_, end, name), (start, _, other) in pairwise(ends):
            if start < end:
                raise damaged(self.path, f"{name} and {other} lie over each other.")
        return found

    def type_of(self, name: str, kind: int) -> tuple[str, int, int]:
        if kind not in TYPES:
            raise CutawayError(
                f"{self.path.name} is stored in a form that is not read.",
                f"{name} is {_UNREAD.get(kind, f'of type {kind}')}; read are f32, f16, bf16, q8_0 and q4_0.",
                "Take the model's F16, BF16, Q8_0 or Q4_0 file.",
            )
        return TYPES[kind]

    def info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.text(MAX_NAME_BYTES)
        dimensions = self.number("I")
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            raise damaged(self.path, f"{name} has {dimensions} dimensions.")
        shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
        if min(shape) < 1 or math.prod(shape) > 2**48:
            raise damaged(self.path, f"{name} claims the shape {shape}.")
        return name, shape, self.number("I"), self.number("Q")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind != _ARRAY:
            raise damaged(self.path, f"It has a setting of the unknown type {kind}.")
        item, count = self.number("I"), self.number("Q")
        self.items += count
        if self.items > MAX_ITEMS:
            raise damaged(self.path, f"It has lists of {self.items:,} items.")
        if item == _STRING:
            self.need(count * 8)
            return [self.text() for _ in range(count)]
        if item not in _SCALARS:
            raise damaged(self.path, f"It has a list of the unknown type {item}.")
        return list(self.numbers(f"<{count}{_SCALARS[item]}", count * struct.calcsize(f"<{_SCALARS[item]}")))

    def need(self, count: int) -> None:
        if self.at + count > self.size:
            raise damaged(self.path, "It ends in the midst of its header: it was cut short, or lies.")

    def numbers(self, form: str, length: int) -> tuple[Any, ...]:
        self.need(length)
        found = struct.unpack_from(form, self.data, self.at)
        self.at += length
        return found

    def number(self, letter: str) -> Any:
        return self.numbers(f"<{letter}", struct.calcsize(f"<{letter}"))[0]

    def text(self, longest: int = MAX_TEXT_BYTES) -> str:
        length = self.number("Q")
        if length > longest:
            raise damaged(self.path, f"It has a {'name' if longest == MAX_NAME_BYTES else 'text'} of {length:,} bytes.")
        self.need(length)
        data = self.data[self.at : self.at + length]
        self.at += length
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise damaged(self.path, f"A text in its header is no UTF-8: {error}.") from error
