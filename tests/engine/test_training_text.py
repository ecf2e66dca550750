"""What is read for learning: the beginning of long runs, and every word that is none as it is."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.tokenizer.balancing import measure, script_of
from engine.tokenizer.bpe_child import _may_have_long_run, _without_long_runs
from engine.tokenizer.unigram_pieces import NEEDED, choose, steady


@settings(max_examples=300, deadline=None)
@given(runs=st.lists(st.tuples(st.sampled_from("a= \n\té"), st.integers(1, 240)), max_size=8))
@example(runs=[("a", 201)])
@example(runs=[("a", 200), (" ", 1), ("a", 200)])
@example(runs=[("a", 100), ("\n", 1), ("a", 150)])
@example(runs=[(" ", 50), ("=", 201), (" ", 3)])
def test_no_long_word_is_overlooked(runs: list[tuple[str, int]]) -> None:
    text = "".join(character * size for character, size in runs)
    assert _may_have_long_run(text) == (max(map(len, text.split()), default=0) > 200)
    if not _may_have_long_run(text):
        assert _without_long_runs(text) == text


def test_groups_share_the_text_as_the_balance_says() -> None:
    documents = [("aaaa", "x.txt, line 1")] * 30 + [("жжжж", "x.txt, line 2")] * 10
    assert measure(documents, 0.0) == {("x.txt", "LATIN"): 1.0, ("x.txt", "CYRILLIC"): 1.0}
    even = measure(documents, 1.0)
    assert even["x.txt", "LATIN"] * 30 == even["x.txt", "CYRILLIC"] * 10 == 20
    many = measure([("a", f"{n}.txt") for n in range(100)] + [("ж", "one.txt")], 1.0)
    assert set(many) == {("", "LATIN"), ("", "CYRILLIC")} and many["", "CYRILLIC"] == 16.0


def test_scripts_of_texts() -> None:
    found = [script_of(text) for text in ("abc", "12", "日本 a", "привет b", "")]
    assert found == ["LATIN", "", "CJK", "CYRILLIC", ""]


def test_characters_that_pieces_are_made_of() -> None:
    known = choose(["ab" * 10_000 + "cd"], 320)
    assert set(known.characters) == set(NEEDED) | set("ab")
    assert list(known.parts(["abzab", "z"])) == ["ab", "ab"]
    pieces = steady([("a", -1.0000001), ("0", -9.5), ("b", -1.0)])
    assert pieces[:2] == [("a", -1.0), ("b", -1.0)] and {piece for piece, _ in pieces} == {"a", "b", *NEEDED}
    assert all(score == -9.5 for piece, score in pieces if piece in NEEDED)
