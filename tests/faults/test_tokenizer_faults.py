"""Damaged and foreign tokenizers and shards: a sentence each, never wrong ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.batches.token_shards import ShardFacts, TokenShards, check_tokenizer, write_facts
from engine.errors import CutawayError
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.tokenizer import load_tokenizer, save_tokenizer

MERGES = [(b"t", b"h"), (b"th", b"e"), (b" ", b"the")]


def _refused(folder: Path, words: str) -> None:
    with pytest.raises(CutawayError, match=words) as caught:
        load_tokenizer(folder)
    assert caught.value.why and caught.value.remedy


def _change(folder: Path, change: Callable[[dict[str, Any]], object], name: str = "tokenizer.json") -> None:
    path = folder / name
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_tokenizer(BpeTokenizer(MERGES), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["model"]["vocab"].update(th=97), "same id"),
        (lambda d: d["model"]["merges"].pop(), "No merge makes"),
        (lambda d: d["model"]["merges"].pop(0), "not made before it"),
        (lambda d: d["model"]["vocab"].pop("the"), "Its ids are not"),
        (lambda d: d["model"].pop("merges"), "merges are missing"),
        (lambda d: d["model"]["merges"].insert(0, ["a"]), "is not a merge"),
        (lambda d: d["model"]["merges"].insert(0, ["日", "a"]), "stands for no byte"),
        (lambda d: d["model"].update(dropout=0.1), "another way"),
        (lambda d: d.update(normalizer={"type": "Lowercase"}), "another way"),
        (lambda d: d["pre_tokenizer"]["pretokenizers"].pop(0), "another way"),
        (lambda d: d["model"].update(type="WordPiece"), "byte pair encoding"),
        (lambda d: d.clear(), "byte pair encoding"),
    ],
)
def test_a_foreign_or_damaged_bpe_file_is_refused(saved: Path, change: Callable[[Any], object], words: str) -> None:
    _change(saved, change)
    _refused(saved, words)


def test_merges_in_another_order_are_noticed(saved: Path) -> None:
    other = BpeTokenizer([(b"t", b"h"), (b" ", b"th"), (b"th", b"e")])
    (saved / "tokenizer.json").write_text(json.dumps(other.to_json()), encoding="utf-8")
    _refused(saved, "changed since")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model": 3}', '{"model": {"type": "BPE", "vocab": []}}'])
def test_a_torn_file_is_refused(saved: Path, text: str) -> None:
    (saved / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(CutawayError):
        load_tokenizer(saved)


def test_a_missing_or_unknown_identity_is_refused(saved: Path) -> None:
    _change(saved, lambda data: data.update(kind="os.system"), "identity.json")
    _refused(saved, "kind that this version does not know")
    _change(saved, lambda data: data.update(kind=["bpe"]), "identity.json")
    _refused(saved, "kind that this version does not know")
    (saved / "identity.json").unlink()
    _refused(saved, "missing")


@pytest.mark.parametrize("characters", ["aa", "", "a\\ud800", None, 7])
def test_a_broken_list_of_characters_is_refused(tmp_path: Path, characters: object) -> None:
    save_tokenizer(CharacterTokenizer("ab"), tmp_path)
    text = json.dumps({"kind": "character", "characters": characters}).replace("\\\\", "\\")
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    _refused(tmp_path, "cannot be used")


def test_a_byte_tokenizer_with_additions_is_refused(tmp_path: Path) -> None:
    save_tokenizer(ByteTokenizer(), tmp_path)
    _change(tmp_path, lambda data: data.update(more=1))
    _refused(tmp_path, "byte tokenizer")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    (tmp_path / "train-00000.bin").write_bytes(bytes([1, 0, 2, 0, 3, 0]))
    (tmp_path / "validation-00000.bin").write_bytes(bytes([4, 0]))
    files = {"train-00000.bin": 3, "validation-00000.bin": 1}
    write_facts(tmp_path, ShardFacts("uint16", 257, ByteTokenizer().hash, 256, "after", 3, 1, 3, 1, 1, 1, files))
    assert len(TokenShards(tmp_path).train) == 3
    return tmp_path


def _broken(folder: Path, words: str) -> None:
    with pytest.raises(CutawayError, match=words) as caught:
        TokenShards(folder)
    assert "Tokenize" in caught.value.remedy


def test_a_torn_shard_is_refused(shards: Path) -> None:
    (shards / "train-00000.bin").write_bytes(bytes([1, 0, 2, 0, 3]))
    _broken(shards, "has 5 bytes instead of 6")
    (shards / "train-00000.bin").write_bytes(bytes(8))
    _broken(shards, "has 8 bytes instead of 6")
    (shards / "train-00000.bin").unlink()
    _broken(shards, "is missing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(dtype="uint32"), "bytes instead of"),
        (lambda d: d.update(dtype="float16"), "type of number"),
        (lambda d: d.update(dtype=["uint16"]), "type of number"),
        (lambda d: d.update(train_tokens=4), "promises 4"),
        (lambda d: d.pop("vocab_size"), "lacks something"),
        (lambda d: d.update(extra=1), "foreign"),
        (lambda d: d.update(vocab_size="many"), "no whole number"),
        (lambda d: d.update(vocab_size=3), "holds the token 3"),
        (lambda d: d["files"].update({"train-../x": 0}), "no shards"),
        (lambda d: d["files"].update({"other.bin": 0}), "no shards"),
        (lambda d: d.update(files=[1]), "lacks something"),
    ],
)
def test_facts_that_do_not_fit_are_refused(shards: Path, change: Callable[[Any], object], words: str) -> None:
    _change(shards, change, "shards.json")
    _broken(shards, words)


def test_facts_that_are_no_table_are_refused(shards: Path) -> None:
    for text in ("[]", "3", '"x"'):
        (shards / "shards.json").write_text(text, encoding="utf-8")
        _broken(shards, "lacks something")


def test_an_id_beyond_the_vocabulary_is_refused(shards: Path) -> None:
    (shards / "validation-00000.bin").write_bytes(bytes([1, 1]))
    _broken(shards, "holds the token 257, and the vocabulary ends at 256")


def test_tokens_of_another_tokenizer_are_refused(shards: Path) -> None:
    check_tokenizer(TokenShards(shards), ByteTokenizer())
    with pytest.raises(CutawayError, match="another tokenizer"):
        check_tokenizer(TokenShards(shards), BpeTokenizer(MERGES))
