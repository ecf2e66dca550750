"""Text to ids and back, for the kinds that need no training process."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CutawayError
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.pieces import Utf8Joiner
from engine.tokenizer.tokenizer import END, PIECE_CHARACTERS, Tokenizer, load_tokenizer, save_tokenizer

KINDS: list[Tokenizer] = [
    BpeTokenizer([(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"\xf0", b"\x9f"), (b"\x80", b"\x8d")]),
    ByteTokenizer(),
    CharacterTokenizer("\n abcdefé👩"),
]
ODD = [
    "",
    "\0",
    "a\0b",
    "\x01\x1b[31m\x7f",
    "👩‍👩‍👧‍👦 is one family",
    "e\u0301 is not é",
    "שלום עולם, مرحبا",
    "\u202eright to left\u202c",
    "\ufeffa mark",
    "\r\n\r\n \t ",
    "日本語のテキスト。",
    "<|end|>",
    "the<|end|>the",
    "\U0010ffff\ue000",
]
kinds = pytest.mark.parametrize("tokenizer", KINDS, ids=lambda tokenizer: tokenizer.kind)


@kinds
@settings(deadline=None)
@given(text=st.text(max_size=200))
def test_decoding_gives_back_any_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
    assert tokenizer.end_id not in ids and all(0 <= token < tokenizer.vocab_size for token in ids)


@kinds
@pytest.mark.parametrize("text", ODD)
def test_odd_text_survives(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.end_id not in tokenizer.encode(text)


@kinds
@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_spans_cover_the_text_and_their_bytes_are_the_text(tokenizer: Tokenizer, text: str) -> None:
    spans = tokenizer.spans(text)
    assert b"".join(span.data for span in spans) == text.encode()
    assert [span.token_id for span in spans] == tokenizer.encode(text)
    assert {place for span in spans for place in range(span.start, span.end)} == set(range(len(text)))
    for left, right in pairwise(spans):
        assert left.start <= right.start and left.end - 1 <= right.start <= left.end
    for span in spans:
        assert span.data in text[span.start : span.end].encode()


def test_a_character_split_over_tokens_belongs_to_all_of_them() -> None:
    spans = ByteTokenizer().spans("aé!")
    assert [(span.start, span.end, span.data) for span in spans] == [
        (0, 1, b"a"),
        (1, 2, b"\xc3"),
        (1, 2, b"\xa9"),
        (2, 3, b"!"),
    ]


@kinds
def test_a_lone_surrogate_becomes_the_replacement_character(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud83db")) == "a\ufffdb"
    assert tokenizer.spans("a\ud83db")[-1].end == 3


@kinds
def test_the_end_is_the_only_special_token_and_has_no_bytes(tokenizer: Tokenizer) -> None:
    assert tokenizer.token_text(tokenizer.end_id) == END
    assert tokenizer.token_bytes(tokenizer.end_id) == b""
    nothing = [token for token in range(tokenizer.vocab_size) if not tokenizer.token_bytes(token)]
    assert nothing == [tokenizer.end_id]
    assert tokenizer.decode([*tokenizer.encode("a"), tokenizer.end_id, *tokenizer.encode("b")]) == "ab"


@kinds
def test_every_id_has_bytes_of_its_own(tokenizer: Tokenizer) -> None:
    assert len({tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size)}) == tokenizer.vocab_size


@kinds
def test_an_id_outside_the_vocabulary_is_named(tokenizer: Tokenizer) -> None:
    for token in (-1, tokenizer.vocab_size):
        with pytest.raises(CutawayError, match=f"no token {token}"):
            tokenizer.decode([token])


@kinds
def test_long_text_is_encoded_in_pieces_with_the_same_result(tokenizer: Tokenizer) -> None:
    text = "the bead 👩 faced\nthe end. " * 8000
    pieces = list(tokenizer.pieces(text))
    assert "".join(pieces) == text and max(map(len, pieces)) <= PIECE_CHARACTERS < len(text)
    assert tokenizer.encode(text) == [token for ids in tokenizer.encode_batch(pieces) for token in ids]
    assert tokenizer.encode_batch([text, "a"]) == [tokenizer.encode(text), tokenizer.encode("a")]
    assert tokenizer.decode(tokenizer.encode(text)) == text


@kinds
def test_saving_and_loading_keeps_ids_and_hash(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_tokenizer(tokenizer, tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert (loaded.kind, loaded.hash, loaded.end_id, loaded.vocab_size, loaded.merges) == (
        tokenizer.kind,
        tokenizer.hash,
        tokenizer.end_id,
        tokenizer.vocab_size,
        tokenizer.merges,
    )
    assert loaded.encode("the fé 👩") == tokenizer.encode("the fé 👩")


def test_hashes_differ_when_ids_do() -> None:
    others = [BpeTokenizer([(b"t", b"h")]), BpeTokenizer([(b"h", b"t")]), CharacterTokenizer("ab")]
    assert len({tokenizer.hash for tokenizer in [*KINDS, *others]}) == len(KINDS) + len(others)


def test_shakespeares_characters_come_first_and_nothing_is_lost_beyond_them() -> None:
    letters = "".join(sorted("\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    tokenizer = CharacterTokenizer(letters)
    assert len(letters) == 65 and tokenizer.end_id == 65 and tokenizer.vocab_size == 244
    assert tokenizer.encode("\n !") == [0, 1, 2]
    assert tokenizer.decode(tokenizer.encode("naïve 5 €")) == "naïve 5 €"
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1, 17))))
    assert tokenizer.decode(tokenizer.encode(every)) == every


@settings(deadline=None)
@given(text=st.text(max_size=40), cuts=st.lists(st.integers(0, 160), max_size=8))
def test_utf8_in_pieces_is_joined(text: str, cuts: list[int]) -> None:
    data, joiner = text.encode(), Utf8Joiner()
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    fed = [joiner.feed(data[start:end]) for start, end in pairwise(borders)]
    assert "".join(fed) + joiner.flush() == text


def test_a_character_comes_out_when_it_is_complete_and_not_before() -> None:
    joiner = Utf8Joiner()
    assert [joiner.feed(bytes([value])) for value in "é!".encode()] == ["", "é", "!"]
    assert joiner.feed(b"\xf0\x9f") == "" and joiner.flush() == "\ufffd" and joiner.flush() == ""
    assert joiner.feed(b"\xffok") == "\ufffdok"
