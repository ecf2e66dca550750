"""Headers that lie: each is refused in a sentence, soon, and without taking what they ask for."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from gguf import GGUFWriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.errors import CutawayError
from engine.formats.gguf_header import read_header

STRING, ARRAY, UINT8, UINT32 = 8, 9, 0, 4


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def info(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    sizes = b"".join(struct.pack("<Q", size) for size in shape[::-1])
    return text(name) + struct.pack("<I", len(shape)) + sizes + struct.pack("<IQ", kind, offset)


def head(tensors: int, pairs: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def padded(header: bytes, data: int = 0) -> bytes:
    return header + b"\0" * (-len(header) % 32 + data)


HUGE = 2**62
LIES = {
    "empty": (b"", "letters GGUF"),
    "another format": (b"PK\3\4" + b"\0" * 60, "letters GGUF"),
    "only the letters": (b"GGUF", "cut short"),
    "version": (head(0, 0, version=9), "version is 9"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version is"),
    "tensors": (head(HUGE, 0), "claims"),
    "settings": (head(0, HUGE), "claims"),
    "key length": (head(0, 1) + struct.pack("<Q", HUGE), "a name of"),
    "text length": (head(0, 1) + text("a") + struct.pack("<IQ", STRING, HUGE), "a text of"),
    "text beyond the end": (head(0, 1) + text("a") + struct.pack("<IQ", STRING, 9000), "cut short"),
    "no UTF-8": (head(0, 1) + pair("a", STRING, text(b"\xff\xfe")), "UTF-8"),
    "list length": (head(0, 1) + pair("a", ARRAY, struct.pack("<IQ", STRING, HUGE)), "lists of"),
    "list beyond the end": (head(0, 1) + pair("a", ARRAY, struct.pack("<IQ", STRING, 10**6)), "cut short"),
    "numbers beyond the end": (head(0, 1) + pair("a", ARRAY, struct.pack("<IQ", UINT8, 10**7)), "cut short"),
    "list of lists": (head(0, 1) + pair("a", ARRAY, struct.pack("<IQ", ARRAY, 1)), "unknown type"),
    "type": (head(0, 1) + pair("a", 99, b""), "unknown type"),
    "twice": (head(0, 2) + pair("a", UINT8, b"\1") * 2, "twice"),
    "alignment": (padded(head(0, 1) + pair("general.alignment", UINT32, struct.pack("<I", 3))), "alignment"),
    "no dimension": (head(1, 0) + info("w", ()), "dimensions"),
    "many dimensions": (head(1, 0) + info("w", (1,) * 5), "dimensions"),
    "shape": (head(1, 0) + info("w", (HUGE, HUGE)), "claims the shape"),
    "no size": (head(1, 0) + info("w", (0, 4)), "claims the shape"),
    "tensor beyond the end": (padded(head(1, 0) + info("w", (2**20, 2**20))), "beyond the end"),
    "offset beyond the end": (padded(head(1, 0) + info("w", (4,), offset=HUGE), 64), "beyond the end"),
    "tensor twice": (padded(head(2, 0) + info("w", (4,)) * 2, 64), "twice"),
    "one over another": (padded(head(2, 0) + info("w", (8,)) + info("v", (8,), offset=16), 64), "over each other"),
    "blocks": (padded(head(1, 0) + info("w", (4, 33), kind=8), 999), "cannot hold"),
    "quantised": (padded(head(1, 0) + info("w", (4, 256), kind=12), 9999), "q4_K"),
    "type of a tensor": (padded(head(1, 0) + info("w", (4, 256), kind=999), 9999), "type 999"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_in_a_sentence_before_memory_is_taken(lie: str, tmp_path: Path) -> None:
    data, words = LIES[lie]
    path = tmp_path / "lie.gguf"
    path.write_bytes(data)
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(CutawayError) as error:
        read_header(path)
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words in error.value.why and error.value.why.endswith(".") and "\n" not in error.value.why
    assert seconds < 1 and peak < 2**20


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match="could not be read"):
        read_header(tmp_path / "none.gguf")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import numpy as np

    path = tmp_path_factory.mktemp("good") / "good.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 10000.0)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "é"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.0, 2.5])
    writer.add_tensor("token_embd.weight", np.arange(24, dtype=np.float32).reshape(3, 8))
    writer.add_tensor("output_norm.weight", np.ones(8, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_what_the_library_wrote_is_read(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.gguf").write_bytes(good)
    header = read_header(tmp_path / "good.gguf")
    assert header.metadata == {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.tokens": ["a", "b", "é"],
        "tokenizer.ggml.scores": [0.0, -1.0, 2.5],
    }
    embedding = header.tensors["token_embd.weight"]
    assert (embedding.shape, embedding.type, embedding.bytes) == ((3, 8), "f32", 96)
    assert header.tensors["output_norm.weight"].type == "f16"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**4), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.floats(0, 1),
)
@example(changes=[], cut=1.0)
def test_any_damage_is_either_read_or_refused(
    good: bytes, tmp_path: Path, changes: list[tuple[int, bytes]], cut: float
) -> None:
    data = bytearray(good)
    for place, new in changes:
        start = place % len(good)
        data[start : start + len(new)] = new
    data = data[: max(1, round(cut * len(data)))]
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    try:
        header = read_header(path)
    except CutawayError as error:
        assert error.why.endswith(".")
        return
    for tensor in header.tensors.values():
        assert tensor.offset > 0 and tensor.offset + tensor.bytes <= len(data)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_behind_the_letters_are_refused_or_read(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "any.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + rest)
    try:
        read_header(path)
    except CutawayError as error:
        assert "\n" not in error.why
