"""Ways to cut text into words: the ids of tiktoken and of the library under each, and nothing lost."""

from __future__ import annotations

import json

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from engine.errors import CutawayError
from engine.store.files import sha256_json
from engine.tokenizer.kinds.bpe import BpeTokenizer, load
from engine.tokenizer.kinds.unigram import UnigramTokenizer
from engine.tokenizer.patterns import GPT2, GPT4, PATTERNS, cut
from engine.tokenizer.tokenizer import END, Tokenizer
from engine.tokenizer.unigram_pieces import NEEDED

TEXT = "The sea said: she's 1234 and  übergroß –\n\n\tx=[1]; 日本語 👩‍👧 שלום\r\n "
MERGES = [
    (b"t", b"h"),
    (b"th", b"e"),
    (b" ", b"s"),
    (b"e", b"a"),
    (b" s", b"ea"),
    (b"1", b"2"),
    (b"12", b"3"),
    (b" ", b" "),
]
MERGES += [(b"\n", b"\n"), (b"123", b"4"), (b"'", b"s"), (b"\xe6", b"\x97"), (b"\xe6\x97", b"\xa5")]
OWN = r"\p{Han}|\w+|[^\w\s]+|\s+"


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.one_of(st.sampled_from(TEXT), st.characters(codec="utf-8")), max_size=60))
@example(text="a\u0301\u0327\u200d\u202e\x00\x1f\x85\u2028 \n ")
@example(text=f"{END}<unk>")
@pytest.mark.parametrize("pattern", [GPT4, GPT2, OWN])
def test_ids_under_every_pattern(pattern: str, text: str) -> None:
    ours, library = _pair(pattern)
    ids = ours.encode(text)
    assert ids == library.encode(text, add_special_tokens=False).ids
    assert ours.decode(ids) == text
    if pattern != OWN:  # the engine inside tiktoken knows other names of scripts
        assert ids == _tiktoken(pattern).encode_ordinary(text)


_PAIRS: dict[str, tuple[BpeTokenizer, Library]] = {}
_THEIRS: dict[str, tiktoken.Encoding] = {}


def _pair(pattern: str) -> tuple[BpeTokenizer, Library]:
    if pattern not in _PAIRS:
        ours = BpeTokenizer(MERGES, pattern=pattern)
        library = Library.from_str(json.dumps(ours.to_json()))
        library.encode_special_tokens = True
        _PAIRS[pattern] = (ours, library)
    return _PAIRS[pattern]


def _tiktoken(pattern: str) -> tiktoken.Encoding:
    if pattern not in _THEIRS:
        ranks = dict(_pair(pattern)[0].ids)
        _THEIRS[pattern] = tiktoken.Encoding("x", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return _THEIRS[pattern]


@pytest.mark.parametrize("pattern", [GPT4, GPT2, OWN])
def test_a_long_text_has_the_ids_that_it_has_whole(pattern: str) -> None:
    ours, library = _pair(pattern)
    text = (TEXT + "\n  indented ... !\n") * 4000
    assert ours.encode(text) == library.encode(text, add_special_tokens=False).ids
    assert "".join(ours.pieces(text)) == text
    assert (len(list(ours.pieces(text))) > 1) == (pattern != OWN)


@pytest.mark.parametrize("pattern", [GPT4, GPT2, OWN])
def test_a_hundred_thousand_characters_without_a_space(pattern: str) -> None:
    ours, _ = _pair(pattern)
    for text in ("sea" * 33_334, "=" * 100_000, "日" * 50_000, " " * 100_000):
        assert ours.decode(ours.encode(text)) == text


def test_half_a_character_becomes_the_sign_for_it() -> None:
    for one in (_pair(GPT2)[0], UnigramTokenizer([(letter, -3.0) for letter in NEEDED])):
        assert one.decode(one.encode("a\ud800b\udfff")) == "a\ufffdb\ufffd"


def test_the_hash_of_before_stays_and_another_pattern_is_another_tokenizer() -> None:
    plain = BpeTokenizer([(b"t", b"h"), (b"th", b"e")])
    assert plain.hash == "c20d9eb9423f513b0be8bc6a06fb43f7b79a51133d499377d4b6186017c4d146"
    assert sha256_json(plain.to_json()) == "b6dc9998a953a5ded7f57755342246586afdc91e69a37db52471587ac8df8c8f"
    assert plain.identity() == {"kind": "bpe", "pattern": GPT4, "merges": [["74", "68"], ["7468", "65"]]}
    other = BpeTokenizer([(b"t", b"h"), (b"th", b"e")], pattern=GPT2)
    assert other.hash != plain.hash and load(other.to_json()).hash == other.hash


def test_names_stand_for_expressions() -> None:
    assert PATTERNS["llama3"] == PATTERNS["gpt4"] == GPT4 != PATTERNS["gpt2"]
    assert list(cut("abc", "no border known")) == ["abc"] and list(cut("", GPT4)) == [""]


def test_an_expression_that_goes_astray_on_a_text_is_told_in_words() -> None:
    strays: list[Tokenizer] = [
        BpeTokenizer(MERGES, pattern=r"(a+)+$"),
        UnigramTokenizer([(letter, -3.0) for letter in NEEDED], pattern=r"(a+)+$"),
    ]
    for tokenizer in strays:
        assert tokenizer.decode(tokenizer.encode("fine")) == "fine"
        with pytest.raises(CutawayError, match="cannot be tokenized"):
            tokenizer.encode("a" * 60 + "b")
