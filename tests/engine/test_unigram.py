"""Unigram pieces: whatever is typed comes back, with the ids of the library, and a byte's name stays text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from engine.corpus.document import Document
from engine.corpus.stored import CorpusWriter
from engine.errors import CutawayError
from engine.events import Progress
from engine.store.artifact import making_artifact
from engine.tokenizer.kinds.unigram import UnigramTokenizer, learn
from engine.tokenizer.tokenizer import END, END_TURN, load_tokenizer, save_tokenizer
from engine.tokenizer.training_text import TrainingText

TEXT = "The sea said: she sells sea shells, doesn't she?  übergroße Möwen kreisen 1234 Mal – 日本語 👩‍👧 \n\n"


def _corpus(folder: Path, texts: list[str]) -> TrainingText:
    made = folder / "corpus"
    with (
        making_artifact(made, kind="corpus", stage="test", config={}, parents={}) as draft,
        CorpusWriter(draft.folder) as writer,
    ):
        for text in texts:
            writer.write(Document(text, "test"))
    return TrainingText(str(made))


def _learned(texts: TrainingText, size: int, pattern: str = "gpt4") -> UnigramTokenizer:
    work = learn(texts, size, pattern)
    while True:
        try:
            assert not isinstance(event := next(work), Progress) or event.message
        except StopIteration as end:
            assert isinstance(end.value, UnigramTokenizer)
            return end.value


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> TrainingText:
    return _corpus(tmp_path_factory.mktemp("unigram"), [TEXT * 20, Path(__file__).read_text(encoding="utf-8")])


@pytest.fixture(scope="module")
def tokenizer(texts: TrainingText) -> UnigramTokenizer:
    return _learned(texts, 400)


@pytest.fixture(scope="module")
def library(tokenizer: UnigramTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("saved")
    save_tokenizer(tokenizer, folder)
    assert load_tokenizer(folder).hash == tokenizer.hash
    loaded = Library.from_file(str(folder / "tokenizer.json"))
    loaded.encode_special_tokens = True
    return loaded


def test_ids_are_bytes_then_pieces_then_the_end(tokenizer: UnigramTokenizer) -> None:
    assert tokenizer.end_id == tokenizer.vocab_size - 1 <= 399
    assert [tokenizer.token_bytes(value) for value in range(256)] == [bytes([value]) for value in range(256)]
    assert any(len(tokenizer.token_bytes(value)) > 3 for value in range(256, tokenizer.end_id))
    assert len(tokenizer.encode(TEXT)) < len(TEXT)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.one_of(st.sampled_from(TEXT + "<0xA>"), st.characters(codec="utf-8")), max_size=80))
@example(text="<0x0A><0xFF>▁ ▁▁  a")
@example(text="<|end|><unk></s>")
@example(text="\x00\x01\x7f\u200d\u202e\u0301")
def test_text_comes_back_with_the_ids_of_the_library(tokenizer: UnigramTokenizer, library: Library, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids == library.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == text == library.decode(ids, skip_special_tokens=False)
    assert tokenizer.end_id not in ids
    assert b"".join(span.data for span in tokenizer.spans(text)) == text.encode()


@pytest.mark.parametrize("pattern", ["gpt2", r"\S+|\s+", r"[\s\S]+"])
def test_the_name_of_a_byte_stays_text_under_every_pattern(texts: TrainingText, pattern: str) -> None:
    tokenizer = _learned(texts, 330, pattern)
    text = "".join(f"<0x{value:02X}>" for value in range(256)) + TEXT
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_learning_again_gives_the_same(texts: TrainingText, tokenizer: UnigramTokenizer) -> None:
    assert _learned(texts, 400).hash == tokenizer.hash


def test_special_tokens_stand_behind(tokenizer: UnigramTokenizer, tmp_path: Path) -> None:
    more = tokenizer.with_special([END_TURN])
    assert more.special_ids == {END: tokenizer.end_id, END_TURN: tokenizer.vocab_size}
    assert more.encode(TEXT + END_TURN) == tokenizer.encode(TEXT + END_TURN)
    save_tokenizer(more, tmp_path)
    assert load_tokenizer(tmp_path).hash == more.hash != tokenizer.hash


def test_a_hundred_thousand_characters_without_a_space(tokenizer: UnigramTokenizer, library: Library) -> None:
    text = "seashells日👩‍👧" * 8_000
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert len(library.encode(text, add_special_tokens=False).ids) <= len(ids) + 2


def test_an_alphabet_larger_than_the_vocabulary_is_written_in_bytes(tmp_path: Path) -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    tokenizer = _learned(_corpus(tmp_path, [many, TEXT * 3]), 350)
    assert tokenizer.vocab_size <= 350 and tokenizer.decode(tokenizer.encode(many)) == many


def test_a_vocabulary_without_room_is_refused_in_words(texts: TrainingText) -> None:
    with pytest.raises(CutawayError, match="too small") as caught:
        _learned(texts, 270)
    assert "295" in caught.value.remedy


def test_a_corpus_of_one_repeated_character(tmp_path: Path) -> None:
    tokenizer = _learned(_corpus(tmp_path, ["a" * 5000]), 320)
    assert tokenizer.decode(tokenizer.encode("aaaab ")) == "aaaab "
