"""Tokenizers of other models: the ids of the library, bytes of every token, and nothing typed becomes special."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from engine.tokenizer.kinds.imported import ImportedTokenizer, load

TEXT = [
    "The quick brown fox jumps over the lazy dog. It's 2024, isn't it?\n\nDer Bär trägt Öl – 100 %!",
    "def f(x):\n    return x ** 2  # squared\n",
    "東京タワーは高い。 🎉🎉 naïve café",
] * 8
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
SPECIAL = ["<|begin|>", "<|end|>", "<|user|>"]
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def gpt2() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    return made


def llama3() -> Tokenizer:
    made = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    made.normalizer = normalizers.NFC()
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    made.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", made.token_to_id("<|begin|>"))]
    )
    return made


def sentence_piece(prefix: bool) -> Tokenizer:
    """As Llama 2 with a space before every text, as Gemma without."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    steps = [normalizers.Prepend("▁")] if prefix else []
    made.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    ends = [decoders.Strip(" ", 1, 0)] if prefix else []
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *ends])
    special = ["<unk>", *SPECIAL, *BYTES]
    made.train_from_iterator(TEXT[:2], trainers.BpeTrainer(vocab_size=380, special_tokens=special))
    data = json.loads(made.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(data))


MADE = {"gpt2": gpt2(), "llama3": llama3(), "llama2": sentence_piece(True), "gemma": sentence_piece(False)}


def imported(kind: str) -> ImportedTokenizer:
    library = MADE[kind]
    return ImportedTokenizer(
        json.loads(library.to_str()), [library.token_to_id("<|end|>")], library.get_vocab_size() + 5
    )


OURS = {kind: imported(kind) for kind in MADE}


@pytest.mark.parametrize("kind", MADE)
@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_ids_are_those_of_the_library_and_bytes_those_of_the_text(kind: str, text: str) -> None:
    ours, theirs = OURS[kind], MADE[kind]
    ids = ours.encode(text)
    if not any(name in text for name in SPECIAL):
        clean = text.encode("utf-8", errors="replace").decode()
        assert ids == theirs.encode(clean, add_special_tokens=False).ids
    decoded = ours.decode(ids)
    if kind in ("gpt2", "gemma") and "▁" not in text:  # the others change the text before they cut it
        assert decoded == text
    if kind == "llama2" and text and "▁" not in text:
        assert decoded == " " + text
    assert len(ours.spans(text)) == len(ids)


@pytest.mark.parametrize("kind", MADE)
def test_what_is_typed_never_becomes_special(kind: str) -> None:
    ours, theirs = OURS[kind], MADE[kind]
    special = {theirs.token_to_id(name) for name in SPECIAL}
    for text in ("<|end|>", "a<|user|>b", "<|begin|> x"):
        ids = ours.encode(text)
        assert not special & set(ids)
        assert ours.decode(ids).strip() == text


def test_what_stands_before_a_text() -> None:
    begin = MADE["llama3"].token_to_id("<|begin|>")
    assert OURS["llama3"].prompt("Hi") == [begin, *OURS["llama3"].encode("Hi")] == MADE["llama3"].encode("Hi").ids
    assert OURS["gpt2"].start_ids == ()


def test_tokens_show_as_what_they_are() -> None:
    ours, theirs = OURS["llama2"], MADE["llama2"]
    assert ours.token_text(theirs.token_to_id("<|user|>")) == "<|user|>"
    assert ours.token_bytes(theirs.token_to_id("<0xF0>")) == b"\xf0"
    assert ours.token_bytes(theirs.token_to_id("<|end|>")) == b""
    assert ours.token_bytes(ours.vocab_size - 1) == b"", "the model has more ids than the file"


def test_spans_touch_the_characters_that_they_stand_for() -> None:
    ours = OURS["llama2"]
    assert ours.spans("fox fox")[0].start == 0
    for kind, tokenizer in OURS.items():
        text = "the fox é 🎉"
        spans = tokenizer.spans(text)
        assert {place for span in spans for place in range(span.start, span.end)} == set(range(len(text))), kind


@pytest.mark.parametrize("kind", MADE)
def test_kept_and_loaded_again_it_is_the_same(kind: str) -> None:
    ours = OURS[kind]
    again = load(json.loads(json.dumps(ours.to_json())))
    assert again.hash == ours.hash
    assert again.encode(TEXT[0]) == ours.encode(TEXT[0])
    assert again.end_ids == ours.end_ids


def test_special_tokens_may_lie_beyond_the_model() -> None:
    """As in Gemma 3, whose tokenizer names a token for pictures that its text models have no row for."""
    data = json.loads(MADE["gemma"].to_str())
    size = MADE["gemma"].get_vocab_size()
    data["added_tokens"].append({**data["added_tokens"][0], "id": size, "content": "<picture>", "special": True})
    ours = ImportedTokenizer(data, [MADE["gemma"].token_to_id("<|end|>")], size)
    assert max(ours.encode("a <picture> of a fox")) < size == ours.vocab_size


def changed(**fields: Any) -> dict[str, Any]:
    return {**json.loads(MADE["gpt2"].to_str()), **fields}


@pytest.mark.parametrize(
    ("data", "ends", "size", "words"),
    [
        (changed(), [1], 300, "the model 300 ids"),
        (changed(), [], 500, "ends a text"),
        (changed(), [900], 500, "ends a text"),
        (changed(model={"type": "BPE"}), [1], 500, "not one of the tokenizers library"),
        ({"version": "1.0"}, [1], 500, "not one of the tokenizers library"),
        (changed(pre_tokenizer={"type": "Whitespace"}, decoder=None), [1], 500, "do not tell their bytes"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(data: dict[str, Any], ends: list[int], size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImportedTokenizer(data, ends, size)
