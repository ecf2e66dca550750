"""A SentencePiece model (`tokenizer.model`, `*.spm`) as a `tokenizer.json` of the `tokenizers` library.

The file is a protocol buffer; of its fields only those that decide ids are read (google/sentencepiece,
src/sentencepiece_model.proto). Nothing in it is executed.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.formats.gguf_tokenizer import tokenizer_json
from engine.tokenizer.kinds.bpe import special_json
from engine.tokenizer.patterns import split_json

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_UNIGRAM, _BPE = 1, 2
_SPACE = "\u2581"
_MOST_PIECES = 2_000_000
_WIRES = {0: "number", 1: "eight bytes", 2: "bytes", 5: "four bytes"}


@dataclass(frozen=True)
class SentencePieceModel:
    """pieces, scores, types: by id. model_type: 1 Unigram, 2 BPE. unk_id, bos_id, eos_id: -1 where there is none.
    charsmap: what text is turned into beforehand, compiled by SentencePiece; empty for nothing."""

    pieces: list[str]
    scores: list[float]
    types: list[int]
    model_type: int
    byte_fallback: bool
    unk_id: int
    bos_id: int
    eos_id: int
    charsmap: bytes
    dummy_prefix: bool
    extra_whitespaces_go: bool


def read_model(data: bytes) -> SentencePieceModel:
    """Raises ValueError, in words, for what is no SentencePiece model, is torn, or is of a kind that is not read."""
    pieces: list[str] = []
    scores: list[float] = []
    types: list[int] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            found = dict(_fields(value))
            pieces.append(_text(found.get(1, b"")))
            scores.append(_float(found.get(2, bytes(4))))
            types.append(_int(found.get(3, NORMAL)))
        elif number == 2 and isinstance(value, bytes):
            trainer = dict(_fields(value))
        elif number == 3 and isinstance(value, bytes):
            normalizer = dict(_fields(value))
        if len(pieces) > _MOST_PIECES:
            raise ValueError(f"It has more than {_MOST_PIECES:,} pieces")
    if not pieces or len(set(pieces)) != len(pieces) or not all(pieces):
        raise ValueError("It has no pieces, or one twice, or an empty one")
    kind = _int(trainer.get(3, _UNIGRAM))
    if kind not in (_UNIGRAM, _BPE):
        raise ValueError("It is neither a Unigram model nor a byte pair encoding")
    if _int(trainer.get(24, 0)) or not _int(normalizer.get(5, 1)):
        raise ValueError("It treats white space in a way that is not read: as a suffix, or as itself")
    return SentencePieceModel(
        pieces,
        scores,
        types,
        kind,
        BYTE in types,
        _signed(trainer.get(40, 0)),
        _signed(trainer.get(41, 1)),
        _signed(trainer.get(42, 2)),
        bytes(normalizer.get(2, b"")),
        bool(_int(normalizer.get(3, 1))),
        bool(_int(normalizer.get(4, 1))),
    )


def as_json(model: SentencePieceModel) -> dict[str, Any]:
    """Raises ValueError for types and ids that do not fit together."""
    if any(kind not in range(NORMAL, BYTE + 1) for kind in model.types):
        raise ValueError("A piece is of a type that is not known")
    if not 0 <= model.unk_id < len(model.pieces):
        raise ValueError("It does not name the piece for what is unknown")
    data = _merging(model) if model.model_type == _BPE else _unigram(model)
    if model.model_type == _UNIGRAM or model.extra_whitespaces_go or model.charsmap:
        data["normalizer"] = {"type": "Sequence", "normalizers": _normalizers(model)}
    return data


def _merging(model: SentencePieceModel) -> dict[str, Any]:
    """The scores decide what is joined first, as in GGUF files, which keep such models as they are."""
    keys: dict[str, Any] = {"model": "llama", "tokens": model.pieces, "scores": model.scores, "token_type": model.types}
    keys |= {"unknown_token_id": model.unk_id, "add_space_prefix": model.dummy_prefix, "add_bos_token": False}
    return tokenizer_json({f"tokenizer.ggml.{key}": value for key, value in keys.items()})


def _unigram(model: SentencePieceModel) -> dict[str, Any]:
    decoders: list[dict[str, Any]] = [{"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}]
    decoders += [{"type": "ByteFallback"}] if model.byte_fallback else []
    decoders += [{"type": "Fuse"}]
    decoders += [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if model.dummy_prefix else []
    added = [special_json(piece, index) for index, piece in enumerate(model.pieces) if model.types[index] == CONTROL]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _apart(model),
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "Unigram",
            "unk_id": model.unk_id,
            "byte_fallback": model.byte_fallback,
            "vocab": [[piece, score] for piece, score in zip(model.pieces, _reachable(model), strict=True)],
        },
    }


def _reachable(model: SentencePieceModel) -> Iterator[float]:
    """Scores; so low for pieces that no text may lead to that none does, and as SentencePiece has them for those that a
    text always leads to (src/unigram_model.cc, EncodeOptimized)."""
    usual = [score for score, kind in zip(model.scores, model.types, strict=True) if kind == NORMAL]
    never, highest = 64 * min([0.0, *usual]) - 1000.0, max(usual, default=0.0)
    for piece, score, kind in zip(model.pieces, model.scores, model.types, strict=True):
        always = len(piece.encode()) * highest - 0.1
        yield {NORMAL: score, USER_DEFINED: always}.get(kind, never)


def _apart(model: SentencePieceModel) -> dict[str, Any] | None:
    """A cut behind the first character of a name that must stay text and has a character without a piece: to the
    library the name, unlikely as it is, is still likelier than what is unknown."""
    known = {piece for piece, kind in zip(model.pieces, model.types, strict=True) if kind in (NORMAL, USER_DEFINED)}
    never = [piece for piece in model.pieces if piece not in known and len(piece) > 1 and not known.issuperset(piece)]
    names = [f"{re.escape(name[0])}(?={re.escape(name[1:])})" for name in never]
    return split_json("|".join(names)) if names else None


def _normalizers(model: SentencePieceModel) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if model.charsmap:
        steps.append({"type": "Precompiled", "precompiled_charsmap": base64.b64encode(model.charsmap).decode()})
    if model.extra_whitespaces_go:
        steps.append({"type": "Replace", "pattern": {"Regex": r"\A +| +\z"}, "content": ""})
        steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    if model.dummy_prefix:
        steps.append({"type": "Prepend", "prepend": _SPACE})
    steps.append({"type": "Replace", "pattern": {"String": " "}, "content": _SPACE})
    return steps


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a message, in order: integers, or bytes."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire not in _WIRES or number == 0:
            raise ValueError("It is no SentencePiece model")
        if wire == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if size is None:
            size, place = _varint(data, place)
        if place + size > len(data):
            raise ValueError("It is no SentencePiece model, or it was cut short")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("It is no SentencePiece model, or it was cut short")
        byte = data[place]
        place += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, place
    raise ValueError("It is no SentencePiece model")


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        raise ValueError("One of its pieces is no text")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ValueError("One of its pieces is no text") from error


def _float(value: Any) -> float:
    if not isinstance(value, bytes) or len(value) != 4:
        raise ValueError("The score of a piece is no number")
    found = float(struct.unpack("<f", value)[0])
    if not math.isfinite(found):
        raise ValueError("The score of a piece is no number")
    return found


def _int(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("A setting in it is no number")
    return value


def _signed(value: Any) -> int:
    """A 32-bit number, of which -1 is written in ten bytes."""
    number = _int(value)
    return number - 2**64 if number >= 2**63 else number
