"""Models that SentencePiece itself trained: its ids, for every text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.formats.sentencepiece import as_json, read_model
from engine.tokenizer.kinds.imported import ImportedTokenizer

sentencepiece = pytest.importorskip("sentencepiece")
TEXT = "The sea said: she sells sea shells, doesn't she?  übergroße Möwen 12345 Mal – 日本語 👩 שלום x=[1];"
KINDS: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity"}
    | {"remove_extra_whitespaces": False},
    "gemma": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity"}
    | {"remove_extra_whitespaces": False, "add_dummy_prefix": False},
    "bpe": {"model_type": "bpe", "normalization_rule_name": "identity"},
    "t5": {"model_type": "unigram", "normalization_rule_name": "identity"},
    "unigram-bytes": {"model_type": "unigram", "byte_fallback": True, "normalization_rule_name": "identity"}
    | {"remove_extra_whitespaces": False, "user_defined_symbols": ["<sep>"]},
}


def _trained(**options: Any) -> bytes:
    made = io.BytesIO()
    lines = [TEXT, TEXT.lower(), *Path(__file__).read_text(encoding="utf-8").splitlines()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=made,
        vocab_size=500,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return made.getvalue()


def _both(**options: Any) -> tuple[ImportedTokenizer, Any]:
    data = _trained(**options)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    return ImportedTokenizer(as_json(read_model(data)), (theirs.eos_id(),), theirs.vocab_size()), theirs


@pytest.fixture(scope="module", params=sorted(KINDS))
def both(request: pytest.FixtureRequest) -> tuple[ImportedTokenizer, Any]:
    return _both(**KINDS[request.param])


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.one_of(st.sampled_from(TEXT), st.characters(codec="utf-8")), max_size=60))
@example(text="  the  sea \n ")
@example(text="<0x41><s></s><unk>")
@example(text="a<sep> b<sep><sep>")
@example(text="👩‍👩‍👧‍👦🏳️‍🌈e\u0301\u0327 שלום\u200f\u202e")
def test_ids_are_those_of_sentencepiece(both: tuple[ImportedTokenizer, Any], text: str) -> None:
    ours, theirs = both
    if "\x00" in text:
        return  # its Python interface ends a text there
    assert ours.encode(text) == theirs.encode(text)


def test_the_usual_normalization_is_that_of_the_file() -> None:
    for kind in ("bpe", "unigram"):
        ours, theirs = _both(model_type=kind)
        for text in (TEXT, "ﬁne ＡＢＣ① x²\t y", "  Ｔhe   ｓea ", "é e\u0301", "日本\u3000語"):
            assert ours.encode(text) == theirs.encode(text)


def test_a_hundred_thousand_characters_without_a_space(both: tuple[ImportedTokenizer, Any]) -> None:
    ours, theirs = both
    text = "seashells" * 11_112
    assert ours.encode(text) == theirs.encode(text)
