"""Byte pair encoding: equal to the libraries that set the standard, watched, and really cancelled."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from engine.corpus.document import Document
from engine.corpus.stored import CorpusWriter
from engine.errors import CutawayError
from engine.events import Event, Progress
from engine.store.artifact import making_artifact
from engine.tokenizer.bpe_training import train
from engine.tokenizer.kinds.bpe import PATTERN, BpeTokenizer, learn
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.merges import replay
from engine.tokenizer.tokenizer import END, save_tokenizer
from engine.tokenizer.training_text import TrainingText

TEXT = "The sea said: she sells sea shells, doesn't she? " + "übergroße Möwen kreisen 1234 Mal – 日本語 👩‍👧 "


def _corpus(folder: Path, texts: list[str]) -> TrainingText:
    made = folder / "corpus"
    with (
        making_artifact(made, kind="corpus", stage="test", config={}, parents={}) as draft,
        CorpusWriter(draft.folder) as writer,
    ):
        for text in texts:
            writer.write(Document(text, "test"))
    return TrainingText(str(made))


def _learned(texts: TrainingText, vocab_size: int) -> tuple[BpeTokenizer, list[Event]]:
    events, work = [], learn(texts, vocab_size)
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return end.value, events


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> BpeTokenizer:
    own_words = [Path(__file__).read_text(encoding="utf-8")]
    return _learned(_corpus(tmp_path_factory.mktemp("bpe"), [TEXT * 5, *own_words]), 420)[0]


@pytest.fixture(scope="module")
def library(tokenizer: BpeTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("saved")
    save_tokenizer(tokenizer, folder)
    loaded = Library.from_file(str(folder / "tokenizer.json"))
    loaded.encode_special_tokens = True
    return loaded


@pytest.fixture(scope="module")
def encoding(tokenizer: BpeTokenizer) -> tiktoken.Encoding:
    ranks = dict(tokenizer.ids)
    return tiktoken.Encoding("ours", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END: tokenizer.end_id})


def test_ids_are_bytes_then_merges_then_the_end(tokenizer: BpeTokenizer) -> None:
    assert tokenizer.vocab_size == 420 and tokenizer.end_id == 419
    assert [tokenizer.token_bytes(value) for value in range(256)] == [bytes([value]) for value in range(256)]
    assert tokenizer.token_bytes(256) == b"".join(tokenizer.merges[0])


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.one_of(st.sampled_from(TEXT + "\n\r\t"), st.characters(codec="utf-8")), max_size=80))
def test_ids_equal_those_of_tokenizers_and_tiktoken(
    tokenizer: BpeTokenizer, library: Library, encoding: tiktoken.Encoding, text: str
) -> None:
    ids = tokenizer.encode(text)
    assert ids == library.encode(text, add_special_tokens=False).ids
    assert ids == encoding.encode_ordinary(text)
    assert library.decode(ids, skip_special_tokens=False) == text


def test_the_literal_end_is_text_even_where_the_library_knows_it_as_special(
    tokenizer: BpeTokenizer, library: Library
) -> None:
    text = f"a{END}b"
    assert tokenizer.end_id not in tokenizer.encode(text)
    assert tokenizer.encode(text) == library.encode(text, add_special_tokens=False).ids
    library.encode_special_tokens = False
    assert library.encode(text, add_special_tokens=False).ids[1] == tokenizer.end_id
    library.encode_special_tokens = True


def test_a_long_text_has_the_ids_that_it_has_whole(tokenizer: BpeTokenizer, library: Library) -> None:
    text = (TEXT + "\n\n  indented ... !\n") * 3000
    assert len(list(tokenizer.pieces(text))) > 4
    assert tokenizer.encode(text) == library.encode(text, add_special_tokens=False).ids


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.sampled_from(TEXT + "\n"), max_size=60))
def test_replaying_the_merges_ends_where_encode_ends(tokenizer: BpeTokenizer, text: str) -> None:
    data = text.encode()
    tokens = {place: place + 1 for place in range(len(data))}
    steps = replay(tokenizer, text)
    for step in steps:
        assert (data[step.start : step.middle], data[step.middle : step.end]) == tokenizer.merges[step.rank]
        assert tokens.pop(step.middle) == step.end and tokens[step.start] == step.middle
        assert tokenizer.token_bytes(step.token_id) == data[step.start : step.end]
        tokens[step.start] = step.end
    assert [data[start:end] for start, end in sorted(tokens.items())] == [
        tokenizer.token_bytes(token) for token in tokenizer.encode(text)
    ]
    assert [step.rank for step in steps] == sorted(step.rank for step in steps)


def test_kinds_without_merges_have_nothing_to_replay() -> None:
    assert replay(ByteTokenizer(), "the sea") == []


def test_learning_tells_how_far_it_is_and_repeats_itself_exactly(tmp_path: Path) -> None:
    text = " ".join(f"word{number} other{number % 997}" for number in range(60_000))
    texts = _corpus(tmp_path, [text[start : start + 2000] for start in range(0, len(text), 2000)])
    first, events = _learned(texts, 3000)
    told = [event for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(event.unit for event in told)) == ["documents", "words", "merges"]
    assert all(event.done <= event.total for event in told if event.total)
    assert told[-1].done == told[-1].step == len(first.merges)
    assert _learned(texts, 3000)[0].hash == first.hash


def test_a_vocabulary_larger_than_the_text_can_give_takes_what_there_is(tmp_path: Path) -> None:
    assert 257 < _learned(_corpus(tmp_path, ["the theory of the thing"]), 5000)[0].vocab_size < 300


def test_megabytes_without_a_space_are_learned_from_by_their_beginning(tmp_path: Path) -> None:
    random = Random(1)
    letters = "".join(random.choices("abcdefgh", k=300_000))
    tokenizer, _ = _learned(_corpus(tmp_path, [letters, "x" * 70_000, "=" * 70_000, TEXT * 3]), 400)
    assert max(len(tokenizer.token_bytes(token)) for token in range(400)) <= 200
    assert tokenizer.decode(tokenizer.encode(letters)) == letters


def _child_of_this_process() -> psutil.Process:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for child in psutil.Process().children():
            if "engine.tokenizer.bpe_child" in " ".join(child.cmdline()):
                return child
        time.sleep(0.01)
    raise AssertionError("no child was started")


@pytest.fixture
def large(tmp_path: Path) -> TrainingText:
    """So many different words that learning from them takes longer than any of these tests waits."""
    random = Random(1)
    words = ["".join(random.choices("abcdefghijklmnop", k=12)) for _ in range(150_000)]
    return _corpus(tmp_path, [" ".join(words[start : start + 150]) for start in range(0, len(words), 150)])


def test_closing_ends_the_process_within_half_a_second(large: TrainingText) -> None:
    work: Iterator[Event] = train(large, 50_000, PATTERN)
    while not (isinstance(event := next(work), Progress) and event.unit != "documents"):
        pass
    child = _child_of_this_process()
    began = time.monotonic()
    work.close()
    assert time.monotonic() - began < 0.5
    assert not psutil.pid_exists(child.pid)


def test_no_orphan_outlives_a_parent_that_is_killed(large: TrainingText) -> None:
    script = (
        "import sys\n"
        "from engine.tokenizer.bpe_training import train\n"
        "from engine.tokenizer.training_text import TrainingText\n"
        "work = train(TrainingText(sys.argv[1]), 50_000, sys.argv[2])\n"
        "next(work)\nprint('begun', flush=True)\n"
        "for event in work: pass\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, large.corpus, PATTERN],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as parent:
        assert parent.stdout is not None and parent.stdout.readline().strip() == b"begun"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
        gone, alive = psutil.wait_procs([child], timeout=3)
        assert gone and not alive


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match="manifest"):
        list(train(TrainingText(str(tmp_path / "nowhere")), 300, PATTERN))
    with pytest.raises(CutawayError, match="could not be trained") as caught:
        list(train(_corpus(tmp_path, ["abc"]), 300, "(broken"))
    assert "Traceback" in caught.value.details
