"""Files and settings of strangers: a sentence each, in time, and the process that tries them gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import CutawayError
from engine.launch.tokenizer_opening import open_tokenizer
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.patterns import GPT4
from engine.tokenizer.trial import tried, try_out

MERGES = [(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"c", b"a"), (b"ca", b"t")]


def _value(work: Generator[Any, None, str]) -> str:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return str(end.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["model"]["vocab"].update(th=97), "same id"),
        (lambda d: d["added_tokens"].append({**d["added_tokens"][0], "content": "<x>", "id": 3}), "same id"),
        (lambda d: d["model"].pop("merges"), "merges are missing"),
        (lambda d: d["model"].update(merges=[]), "merges are missing"),
        (lambda d: d["model"]["merges"].append(["x", "yz"]), "no token"),
        (lambda d: d["model"]["merges"].append("x"), "no merge"),
        (lambda d: d["model"]["vocab"].update(x="a"), "has no id"),
        (lambda d: d["model"]["vocab"].update(x=2**40), "at most"),
        (lambda d: d["model"].pop("vocab"), "vocabulary is missing"),
        (lambda d: d.pop("model"), "no model"),
        (lambda d: d["added_tokens"].append({"content": "x"}), "no id"),
        (lambda d: d["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex="("), "parenthes"),
        (lambda d: d["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"(a+)+$"), "too many ways"),
        (lambda d: d["model"].update(type="Markov"), "cannot be used"),
    ],
)
def test_a_strangers_file_is_refused_in_words(
    workspace: Workspace, tmp_path: Path, change: Callable[[Any], object], words: str
) -> None:
    data = json.loads(json.dumps(BpeTokenizer(MERGES).to_json()))
    change(data)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CutawayError) as caught:
        list(open_tokenizer(workspace, str(path)))
    assert words in f"{caught.value.what} {caught.value.why}" and caught.value.remedy
    assert not list((workspace.root / "tokenizers").iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\x01", '{"model": {"a": 1, "a": 2}}', "[" * 100_000])
def test_what_is_no_tokenizer_is_refused(workspace: Workspace, tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CutawayError, match="cannot be used"):
        list(open_tokenizer(workspace, str(path)))


def test_what_is_not_there_is_told(workspace: Workspace, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(CutawayError, match="no tokenizer"):
            list(open_tokenizer(workspace, str(path)))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "parenthes"),
        (r"(a+)+$", "too many ways"),
        ("", "empty"),
        ("a\x00", "cannot be seen"),
        ("a" * 6000, "longer"),
    ],
)
def test_an_expression_that_goes_astray_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(CutawayError, match="expression") as caught:
        _value(tried(pattern))
    assert words in caught.value.why


def test_known_names_and_good_expressions_pass() -> None:
    assert _value(tried("gpt4")) == GPT4 == _value(tried("llama3")) == _value(tried(GPT4))
    assert _value(tried(r"\S+|\s+")) == r"\S+|\s+"


def test_the_process_that_tries_is_ended_when_time_is_up_and_when_it_is_closed() -> None:
    data = BpeTokenizer(MERGES).to_json()
    assert "still looking" in _value(try_out(data, most_seconds=0.0))
    work = try_out(data)
    next(work)
    began = time.monotonic()
    work.close()
    assert time.monotonic() - began < 0.5
    children = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not any("trial_child" in line for line in children)
