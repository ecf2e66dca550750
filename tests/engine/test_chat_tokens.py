"""Special tokens of a conversation behind any tokenizer's vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from engine.errors import CutawayError
from engine.tokenizer.chat_tokens import CHAT_TOKENS, with_chat_tokens
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.kinds.imported import ImportedTokenizer
from engine.tokenizer.tokenizer import END, Tokenizer, load_tokenizer, save_tokenizer
from tests.published_templates import byte_level


def gpt2(gap: int = 0) -> ImportedTokenizer:
    """As GPT-2's; `gap` ids of the model are free."""
    made = Library(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(["the cat sat on the mat"] * 9, trainer)
    names = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    return ImportedTokenizer(json.loads(made.to_str()), [0], made.get_vocab_size() + gap, names)


def qwen() -> ImportedTokenizer:
    """Its special tokens stand beside its vocabulary, and its model has free ids."""
    library = byte_level(["<|endoftext|>", "<|im_end|>"], ("<think>",))
    end = library.token_to_id("<|endoftext|>")
    return ImportedTokenizer(json.loads(library.to_str()), [end], library.get_vocab_size() + 5)


PLAIN: dict[str, Tokenizer] = {
    "bpe": BpeTokenizer([(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"<", b"|"), (b"|", b">")]),
    "byte": ByteTokenizer(),
    "character": CharacterTokenizer("\n abcdefé<|>👩"),
    "imported": gpt2(),
    "imported with free ids": gpt2(gap=7),
    "imported with a token of its own": qwen(),
}
CHAT = {kind: with_chat_tokens(tokenizer) for kind, tokenizer in PLAIN.items()}
kinds = pytest.mark.parametrize("kind", PLAIN)
# As they were before any tokenizer could have additions.
HASHES = {
    "bpe": "bdd8bde7039ad03f696494c777688d57cc7e33712eaecb32cacb19472e56382a",
    "byte": "7da8b59d384076438bab9ae10dee36e1ed40155053c42c319918fb1eb47b641e",
    "character": "ff98f02ac9942f31c5d89fea8b5fbc1afaf6b238c1fe431ba8243cff3c01eb98",
}


@kinds
@settings(deadline=None, max_examples=60)
@given(
    parts=st.lists(st.sampled_from((*CHAT_TOKENS, END, "<|endoftext|>", "<|", "|>")) | st.text(max_size=9), max_size=6)
)
def test_no_text_becomes_special_and_every_text_keeps_its_ids(kind: str, parts: list[str]) -> None:
    plain, chat, text = PLAIN[kind], CHAT[kind], "".join(parts)
    ids = chat.encode(text)
    assert ids == plain.encode(text) == chat.encode_batch([text])[0]
    assert not set(ids) & set(chat.special_ids.values())
    assert chat.decode(ids) == text


@kinds
def test_they_stand_behind_the_vocabulary_have_names_and_no_bytes(kind: str) -> None:
    plain, chat = PLAIN[kind], CHAT[kind]
    ids = [chat.special_ids[name] for name in CHAT_TOKENS]
    assert ids == list(range(plain.vocab_size, chat.vocab_size)) and len(ids) == 6
    assert [chat.token_text(token_id) for token_id in ids] == list(CHAT_TOKENS)
    assert chat.decode([*chat.encode("a"), *ids, chat.end_id, *chat.encode("b")]) == "ab"
    assert chat.end_ids == {plain.end_id, chat.special_ids["<|end_turn|>"]} and chat.end_id == plain.end_id
    assert chat.hash != plain.hash and chat.kind == plain.kind
    assert with_chat_tokens(chat) is chat


@kinds
def test_saved_and_loaded_it_is_the_same(kind: str, tmp_path: Path) -> None:
    chat = CHAT[kind]
    save_tokenizer(chat, tmp_path)
    again = load_tokenizer(tmp_path)
    assert (again.hash, again.vocab_size, again.end_ids, again.special) == (
        chat.hash,
        chat.vocab_size,
        chat.end_ids,
        chat.special,
    )
    assert again.encode("the cat<|user|>") == chat.encode("the cat<|user|>") and again.names == chat.names


def test_without_additions_files_and_hashes_are_those_of_before(tmp_path: Path) -> None:
    hashes = {kind: PLAIN[kind].hash for kind in ("bpe", "byte", "character")}
    assert hashes == HASHES
    save_tokenizer(PLAIN["byte"], tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text()) == {"kind": "byte"}
    assert len(PLAIN["bpe"].to_json()["added_tokens"]) == 1
    unnamed = ImportedTokenizer({k: v for k, v in gpt2().to_json().items() if k != "cutaway"}, [0], gpt2().vocab_size)
    assert unnamed.hash == gpt2().hash and "names" not in unnamed.to_json()["cutaway"]


def test_a_name_that_is_a_token_of_texts_already_is_refused() -> None:
    pairs = [b"<|user|>"[:size] for size in range(1, 9)]
    taken = BpeTokenizer([(left, b"<|user|>"[len(left) : len(left) + 1]) for left in pairs[:-1]])
    with pytest.raises(CutawayError, match="cannot take the special tokens"):
        with_chat_tokens(taken)


@pytest.mark.parametrize(
    "change", [{"added": ["<|user|>", "<|user|>"]}, {"added": "x"}, {"added": [END]}, {"added": [""]}]
)
def test_a_changed_file_is_refused_in_words(change: dict[str, object], tmp_path: Path) -> None:
    save_tokenizer(CHAT["byte"], tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CutawayError, match="cannot be used"):
        load_tokenizer(tmp_path)
