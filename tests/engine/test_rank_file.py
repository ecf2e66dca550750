"""Rank files of tiktoken: the ids of tiktoken itself, for every text."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, trainers

from engine.errors import CutawayError
from engine.launch.tokenizer_opening import Opened, open_tokenizer
from engine.store.workspace import Workspace
from engine.tokenizer.byte_alphabet import characters, parsed
from engine.tokenizer.kinds.imported import ImportedTokenizer
from engine.tokenizer.rank_file import ENCODINGS, Encoding, as_json, read_ranks
from engine.tokenizer.tokenizer import Tokenizer, load_tokenizer

TEXT = (
    "The sea said: she sells SEA shells, doesn't she?  übergroße Möwen 12345 Mal – 日本語 👩‍👧 שלום \r\n\n\t  x=[1];\n"
)
# The expressions that tiktoken 0.14 has in tiktoken_ext/openai_public.py, handed out after a download only.
TIKTOKEN = {
    "gpt2": openai_public.r50k_pat_str,
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k_base": ENCODINGS["o200k_base"].pattern,
}


def _trained(texts: list[str], size: int) -> dict[bytes, int]:
    made = Library(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(characters()), show_progress=False)
    )
    return {parsed(token): number for token, number in made.get_vocab().items()}


def _file(ranks: dict[bytes, int]) -> bytes:
    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in sorted(ranks.items(), key=lambda x: x[1])]
    return "\n".join(lines).encode() + b"\n"


def _built(ranks: dict[bytes, int], encoding: Encoding) -> ImportedTokenizer:
    *_, data = as_json(read_ranks(_file(ranks)), encoding)
    assert isinstance(data, dict)
    end = max(encoding.special.values())
    return ImportedTokenizer(data, (end,), end + 1)


@pytest.fixture(scope="module")
def ranks() -> dict[bytes, int]:
    shuffled = random.Random(1).sample(sorted(set(TEXT.split())), k=len(set(TEXT.split())))
    return _trained(
        [TEXT * 5, " ".join(shuffled) * 3, Path(__file__).read_text(encoding="utf-8"), " " * 64 + "=" * 64], 700
    )


@pytest.fixture(scope="module", params=sorted(TIKTOKEN))
def both(request: pytest.FixtureRequest, ranks: dict[bytes, int]) -> tuple[Tokenizer, tiktoken.Encoding]:
    special = {"<|endoftext|>": len(ranks)}
    ours = _built(ranks, Encoding(ENCODINGS[request.param].pattern, special))
    theirs = tiktoken.Encoding("x", pat_str=TIKTOKEN[request.param], mergeable_ranks=ranks, special_tokens=special)
    return ours, theirs


@settings(max_examples=250, deadline=None)
@given(text=st.text(alphabet=st.one_of(st.sampled_from(TEXT), st.characters(codec="utf-8")), max_size=80))
@example(text="a \n ")
@example(text="  \n\n  \n")
@example(text="\u200f\u202eשלום\u0301\u0301 \x00\x1f\x85\xa0\u2028")
@example(text="👩‍👩‍👧‍👦🏳️‍🌈e\u0301\u0327")
@example(text="<|endoftext|>")
@example(text="'S'Ll'ſ 1234567")
def test_ids_equal_those_of_tiktoken(both: tuple[Tokenizer, tiktoken.Encoding], text: str) -> None:
    ours, theirs = both
    ids = ours.encode(text)
    assert ids == theirs.encode_ordinary(text)
    assert ours.decode(ids) == text


def test_a_hundred_thousand_characters_without_a_space(both: tuple[Tokenizer, tiktoken.Encoding]) -> None:
    ours, theirs = both
    for text in ("sea" * 33_334, "=" * 100_000, " " * 100_000, "日" * 30_000):
        assert ours.encode(text) == theirs.encode_ordinary(text)


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.text(alphabet="ab", min_size=2, max_size=6), min_size=1, max_size=12, unique=True),
    text=st.text(alphabet="ab", max_size=24),
)
def test_ranks_that_no_training_would_give(words: list[str], text: str) -> None:
    """Any two letters, then words in any order: also those that nothing leads to but the word as a whole."""
    ranks = {bytes([value]): value for value in range(256)}
    for word in words:
        ranks[word.encode()] = len(ranks)
    special = {"<|endoftext|>": len(ranks)}
    theirs = tiktoken.Encoding("x", pat_str=TIKTOKEN["gpt2"], mergeable_ranks=ranks, special_tokens=special)
    ours = _built(ranks, Encoding(ENCODINGS["gpt2"].pattern, special)).encode(text)
    assert (
        [*map(theirs.decode_single_token_bytes, ours)]
        and b"".join(map(theirs.decode_single_token_bytes, ours)) == text.encode()
        if text
        else ours == []
    )
    if _ordered(ranks):
        assert ours == theirs.encode_ordinary(text)


def _ordered(ranks: dict[bytes, int]) -> bool:
    """Whether each token is made of two of lower ranks in one way only, as in a trained vocabulary without ties."""
    for token, rank in ranks.items():
        ways = [at for at in range(1, len(token)) if token[:at] in ranks and token[at:] in ranks]
        if len(ways) > 1 or any(max(ranks[token[:at]], ranks[token[at:]]) > rank for at in ways):
            return False
    return True


def _opened(workspace: Workspace, path: Path, **more: Any) -> Opened:
    *_, last = open_tokenizer(workspace, str(path), **more)
    assert isinstance(last, Opened)
    return last


def test_a_file_is_opened_by_the_name_of_its_encoding(
    workspace: Workspace, tmp_path: Path, ranks: dict[bytes, int]
) -> None:
    path = tmp_path / "own.tiktoken"
    path.write_bytes(_file(ranks))
    with pytest.raises(CutawayError, match=r"own\.tiktoken") as caught:
        _opened(workspace, path)
    assert "cl100k_base" in caught.value.why
    opened = _opened(workspace, path, encoding="cl100k_base")
    assert opened.vocab_size == len(ranks) + 1 and opened.kind == "imported" and not opened.reused
    assert load_tokenizer(opened.folder).special_ids == {"<|endoftext|>": len(ranks)}
    assert _opened(workspace, path, encoding="cl100k_base", expected_sha256=opened.sha256).reused


def test_another_hash_is_refused(workspace: Workspace, tmp_path: Path, ranks: dict[bytes, int]) -> None:
    path = tmp_path / "own.tiktoken"
    path.write_bytes(_file(ranks))
    with pytest.raises(CutawayError, match="cannot be used") as caught:
        _opened(workspace, path, encoding="gpt2", expected_sha256="0" * 64)
    assert "hash" in caught.value.why


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "256 bytes"),
        (b"abc", "Line 1"),
        (b"YQ== 1\nYQ== 2\n", "stands above"),
        (b"YQ== 1\nYg== 1\n", "same rank"),
        (b"YQ== x\n", "Line 1"),
        (b"*** 1\n", "Line 1"),
    ],
)
def test_a_broken_file_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_ranks(data)


def test_a_special_token_whose_id_is_taken_is_refused(ranks: dict[bytes, int]) -> None:
    with pytest.raises(ValueError, match="taken"):
        list(as_json(ranks, Encoding("x", {"<|endoftext|>": 5})))
