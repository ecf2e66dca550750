"""Tokenizers from elsewhere as artifacts, and ours as transformers reads them: the same ids."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from engine.errors import CutawayError
from engine.formats.sentencepiece import BYTE, CONTROL, NORMAL, UNKNOWN, as_json, read_model
from engine.formats.tokenizer_json import save_for_transformers
from engine.launch.tokenizer_opening import Opened, open_tokenizer
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.kinds.imported import ImportedTokenizer
from engine.tokenizer.kinds.unigram import UnigramTokenizer
from engine.tokenizer.patterns import GPT2
from engine.tokenizer.tokenizer import END_TURN, Tokenizer, load_tokenizer, save_tokenizer
from engine.tokenizer.unigram_pieces import NEEDED

TEXTS = ["the cat  sat", " a\n\n b", "日本 👩‍👧 <0x41> <|end|>", "", "It's 12345!"]
PIECES = [*((one, -4.0 - n / 100) for n, one in enumerate(NEEDED)), (" the", -1.0), ("the", -1.5), (" ", -2.0)]


def _opened(workspace: Workspace, path: Path, **more: Any) -> Opened:
    *_, last = open_tokenizer(workspace, str(path), **more)
    assert isinstance(last, Opened)
    return last


def _own() -> list[Tokenizer]:
    merges = [(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"a", b"t")]
    return [
        BpeTokenizer(merges),
        BpeTokenizer(merges, [END_TURN], GPT2),
        UnigramTokenizer(PIECES),
        UnigramTokenizer(PIECES, [END_TURN], r"\S+|\s+"),
        ByteTokenizer(),
        ByteTokenizer([END_TURN]),
        CharacterTokenizer("\n abcehst"),
        CharacterTokenizer("\n abcehst", [END_TURN]),
    ]


@pytest.mark.parametrize("tokenizer", _own(), ids=lambda one: f"{one.kind}-{len(one.added)}")
def test_transformers_gives_the_same_ids(tokenizer: Tokenizer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    save_for_transformers(tokenizer, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS[:2] + TEXTS[3:]:
        ids = tokenizer.encode(text)
        assert theirs.encode(text, add_special_tokens=False) == ids
        assert theirs.decode(ids) == text
    assert theirs.eos_token_id == tokenizer.end_id
    for name, token_id in tokenizer.special_ids.items():
        assert theirs.convert_tokens_to_ids(name) == token_id
        assert theirs.encode(name, add_special_tokens=False) == [token_id]


@pytest.mark.parametrize("tokenizer", _own(), ids=lambda one: f"{one.kind}-{len(one.added)}")
def test_what_was_saved_is_opened_again(tokenizer: Tokenizer, tmp_path: Path, workspace: Workspace) -> None:
    save_for_transformers(tokenizer, tmp_path)
    opened = load_tokenizer(_opened(workspace, tmp_path / "tokenizer.json", name="mine").folder)
    assert [opened.encode(text) for text in TEXTS] == [tokenizer.encode(text) for text in TEXTS]
    assert opened.end_id == tokenizer.end_id and opened.special_ids == tokenizer.special_ids
    if tokenizer.kind in ("bpe", "unigram"):
        assert opened.hash == tokenizer.hash


def test_a_tokenizer_of_ours_keeps_its_kind(workspace: Workspace, tmp_path: Path) -> None:
    save_tokenizer(CharacterTokenizer("abc"), tmp_path)
    opened = _opened(workspace, tmp_path)
    assert opened.kind == "character" and opened.name == tmp_path.name
    assert _opened(workspace, tmp_path).reused


def test_a_file_without_an_end_receives_one(workspace: Workspace, tmp_path: Path) -> None:
    made = Library(models.BPE(vocab={one: n for n, one in enumerate(pre_tokenizers.ByteLevel.alphabet())}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.save(str(tmp_path / "plain.json"))
    tokenizer = load_tokenizer(_opened(workspace, tmp_path / "plain.json").folder)
    assert tokenizer.special_ids == {"<|end|>": 256} and tokenizer.vocab_size == 257
    assert tokenizer.decode(tokenizer.encode("é <|end|>")) == "é <|end|>"


def _field(number: int, value: int | bytes | float) -> bytes:
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value % 2**64)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _model(pieces: list[tuple[str, float, int]], kind: int, **normal: int) -> bytes:
    data = b"".join(
        _field(1, _field(1, piece.encode()) + _field(2, score) + _field(3, what)) for piece, score, what in pieces
    )
    trainer = _field(3, kind) + _field(40, 0) + _field(41, 1) + _field(42, 2) + _field(43, -1)
    normalizer = _field(3, normal.get("prefix", 1)) + _field(4, normal.get("extra", 0)) + _field(5, 1)
    return data + _field(2, trainer) + _field(3, normalizer)


HEAD = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
BYTES = [(f"<0x{value:02X}>", 0.0, BYTE) for value in range(256)]
LETTERS = [(one, -10.0 - n, NORMAL) for n, one in enumerate("▁thecasd<0x41>"[:10])]
WHOLE = [*HEAD, *BYTES, ("▁t", -1.0, NORMAL), ("he", -2.0, NORMAL), ("▁the", -3.0, NORMAL), *LETTERS]


@pytest.mark.parametrize("kind", [1, 2])
def test_a_sentencepiece_model_is_read(workspace: Workspace, tmp_path: Path, kind: int) -> None:
    """Ids worked out by hand: "▁the" is one piece, "▁", "c", "a", "t" are single ones, the rest is bytes."""
    (tmp_path / "tokenizer.model").write_bytes(_model(WHOLE, kind))
    opened = _opened(workspace, tmp_path)
    tokenizer = load_tokenizer(opened.folder)
    ids = {piece: number for number, (piece, _, _) in enumerate(WHOLE)}
    assert opened.vocab_size == len(WHOLE) and tokenizer.end_id == 2
    cat = [ids[one] for one in ("▁the", "▁", "c", "a", "t")]
    assert tokenizer.encode("the cat") == cat
    assert tokenizer.encode("the é") == [ids["▁the"], ids["▁"], *(3 + value for value in "é".encode())]
    assert tokenizer.encode("<0x41></s>")[-1] > 2 and tokenizer.decode(tokenizer.encode("<0x41>")).strip() == "<0x41>"
    assert "".join(tokenizer.decode([one]) for one in cat) == " the cat"


def test_spaces_and_prefixes_are_treated_as_the_model_says() -> None:
    def ids(text: str, **normal: int) -> list[int]:
        data = as_json(read_model(_model(WHOLE, 1, **normal)))
        return ImportedTokenizer(data, (2,), len(WHOLE)).encode(text)

    assert ids("the  cat ", extra=1) == ids("the cat", extra=1)
    assert len(ids("the  cat ", extra=0)) == len(ids("the cat", extra=0)) + 2
    assert len(ids("cat", prefix=1)) == len(ids("cat", prefix=0)) + 1


def test_the_map_of_characters_is_that_of_the_file() -> None:
    """No map of ours: the one of a normalizer in a file, through the library's own."""
    model = read_model(_model(WHOLE, 1))
    assert model.charsmap == b"" and "Precompiled" not in json.dumps(as_json(model))
    assert isinstance(normalizers.Prepend("▁"), normalizers.Normalizer)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x7fabc", b"", b"hello", _model(WHOLE, 1)[:500]])
def test_what_is_no_model_is_refused(workspace: Workspace, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.model").write_bytes(data)
    with pytest.raises(CutawayError, match=r"x\.model"):
        _opened(workspace, tmp_path / "x.model")


@pytest.mark.parametrize(
    "pieces", [[*HEAD, ("a", 1.0, 9)], [*HEAD, ("a", float("nan"), 1)], [*HEAD, ("a", 0.0, 1), ("a", 0.0, 1)]]
)
def test_a_model_with_broken_pieces_is_refused(pieces: list[tuple[str, float, int]]) -> None:
    with pytest.raises(ValueError, match="piece"):
        as_json(read_model(_model(pieces, 1)))
