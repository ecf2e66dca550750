"""What Compare and Browse are told: worked out by hand, and against plain counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batches.token_shards import ShardFacts, TokenShards, write_facts
from engine.errors import CutawayError
from engine.events import Progress
from engine.tokenizer.browse import Entry, entries, never_used, rarely_used, script_of, search, unreachable
from engine.tokenizer.compare import by_part, disagreements, joined, measures, table
from engine.tokenizer.frequencies import Frequencies, Place, frequencies, places
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer

TOKENIZER = BpeTokenizer([(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"c", b"a"), (b"q", b"q"), (b"\xe6", b"\x97")])
DOCUMENTS = ["the cat", "a the the", "日本 9"] * 40


@pytest.fixture
def shards(tmp_path: Path) -> TokenShards:
    end = TOKENIZER.end_id
    ids = [token for text in DOCUMENTS for token in (*TOKENIZER.encode(text), end)]
    sides = {"train": ids[:-50], "validation": ids[-50:]}
    for side, part in sides.items():
        np.array(part, dtype="<u2").tofile(tmp_path / f"{side}-00000.bin")
    counts = {"train-00000.bin": len(ids) - 50, "validation-00000.bin": 50}
    facts = (end, "after", len(ids) - 50, 50, 1, 1, 1, 1, counts)
    write_facts(tmp_path, ShardFacts("uint16", TOKENIZER.vocab_size, TOKENIZER.hash, *facts))
    return TokenShards(tmp_path)


def _last(work: Iterator[object]) -> object:
    *_, last = work
    return last


def _entries(counts: object = None) -> list[Entry]:
    found = _last(entries(TOKENIZER, counts))
    assert isinstance(found, list)
    return found


def test_counts_are_those_of_plain_counting(shards: TokenShards) -> None:
    found = _last(frequencies(shards))
    assert isinstance(found, Frequencies)
    plain = Counter(token for text in DOCUMENTS for token in TOKENIZER.encode(text))
    plain[TOKENIZER.end_id] = len(DOCUMENTS)
    assert {token: found.count(token) for token in range(TOKENIZER.vocab_size) if found.count(token)} == dict(plain)
    assert found.tokens == plain.total()
    most = plain.most_common(1)[0]
    assert found.rank(most[0]) == 1 and found.share(most[0]) == most[1] / found.tokens


def test_places_stay_within_their_document(shards: TokenShards) -> None:
    token = TOKENIZER.ids[b" the"]
    found = [one for one in places(shards, TOKENIZER, token, most=3) if isinstance(one, Place)]
    assert [(one.before, one.text, one.after) for one in found] == [
        ("a", " the", " the"),
        ("a the", " the", ""),
        ("a", " the", " the"),
    ]
    assert [one.side for one in found] == ["train"] * 3
    everywhere = list(places(shards, TOKENIZER, token, most=1000))
    assert sum(isinstance(one, Place) for one in everywhere) == 80
    assert any(isinstance(one, Progress) for one in everywhere)
    assert {one.side for one in everywhere if isinstance(one, Place)} == {"train", "validation"}


def test_measures_of_a_text() -> None:
    found = measures(TOKENIZER, "the the cat")
    assert (found.tokens, found.bytes, found.characters, found.words) == (5, 11, 11, 3)
    assert found.bytes_per_token == 2.2 and found.tokens_per_word == 5 / 3
    assert found.words_in(100) == 60 and found.cost(10.0) == 5e-5
    assert measures(TOKENIZER, "").bytes_per_token == 0.0
    both = table({"bpe": TOKENIZER, "bytes": ByteTokenizer()}, {"a": "the", "b": "日"})
    assert both["bytes"]["b"].tokens == 3 and both["bpe"]["a"].tokens == 1


def test_a_text_by_what_it_is_made_of() -> None:
    text = "the sea 1234, Привет 日本\n    x = [f(y), 2];\n"
    found = by_part(text, ByteTokenizer().spans(text))
    assert sum(part.bytes for part in found.values()) == len(text.encode())
    assert sum(part.words for part in found.values()) == 15
    assert sum(part.tokens for part in found.values()) == len(text.encode())
    assert found["Digits"].tokens == 4 and found["CJK"].tokens == 6 and found["Cyrillic"].characters == 6
    assert found["Code"].characters == len("    x = [f(y), 2];\n") and found["Latin"].words == 2
    assert by_part("", []) == {}


def test_where_tokenizers_disagree() -> None:
    text = "the cat the"
    cuts = [one.spans(text) for one in (TOKENIZER, CharacterTokenizer("".join(sorted(set(text)))))]
    assert disagreements(cuts) == [(0, 3), (4, 6), (7, 11)]
    assert disagreements([cuts[0], cuts[0]]) == [] == disagreements(cuts[:1])
    assert joined([(0, 3), (3, 6), (7, 11)]) == [(0, 6), (7, 11)]


def test_a_character_over_several_tokens_is_no_disagreement_in_itself() -> None:
    text = "日本"
    cuts = [one.spans(text) for one in (ByteTokenizer(), CharacterTokenizer("日本"), TOKENIZER)]
    assert disagreements(cuts) == []


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="the ca日q\n", max_size=30))
def test_outside_of_disagreements_all_tokens_are_the_same(text: str) -> None:
    others = (TOKENIZER, ByteTokenizer(), CharacterTokenizer("tc日"))
    cuts = [one.spans(text) for one in others]
    ranges = disagreements(cuts)
    assert ranges == sorted(ranges) and all(start < end for start, end in ranges)
    for spans in cuts:
        for start, end in ranges:
            assert not any(span.start < start < span.end or span.start < end < span.end for span in spans)


def test_the_vocabulary_as_it_is_looked_through() -> None:
    found = _entries()
    assert len(found) == TOKENIZER.vocab_size and found[-1].script == "Special" and found[-1].text == "<|end|>"
    assert found[TOKENIZER.ids[b" the"]] == Entry(TOKENIZER.ids[b" the"], b" the", " the", "Latin", None)
    assert found[TOKENIZER.ids[b"\xe6\x97"]].script == "Bytes" and found[TOKENIZER.ids[b" the"]].length == 4
    scripts = {" ": "Spaces", "12": "Digits", "=!": "Signs", "": "", "日": "CJK", " при": "Cyrillic", "ö1": "Latin"}
    assert {text: script_of(text.encode()) for text in scripts} == scripts


def test_search_by_text_number_and_expression() -> None:
    found = _entries()

    def texts(wanted: str, *, regex: bool = False) -> list[str]:
        last = _last(search(found, wanted, regex=regex))
        assert isinstance(last, list)
        return [entry.text for entry in last]

    assert texts("TH") == ["th", "the", " the"]
    assert texts("257") == ["the"]
    assert texts(r"^ \w+$", regex=True) == [" the"] and texts(r"^q+$", regex=True) == ["q", "qq"]
    with pytest.raises(CutawayError, match="no expression"):
        texts("(", regex=True)


def test_an_expression_that_searches_for_ever_is_ended() -> None:
    long = [Entry(0, b"a" * 40 + b"b", "a" * 40 + "b", "Latin")]
    with pytest.raises(CutawayError, match="no expression") as caught:
        _last(search(long, r"(a+)+$", regex=True))
    assert "too many ways" in caught.value.why


def test_unused_rare_and_unreachable_tokens(shards: TokenShards) -> None:
    counted = _last(frequencies(shards))
    assert isinstance(counted, Frequencies)
    found = _entries(counted.counts)
    # "th" is always on the way to "the": no text of the corpus keeps it.
    assert [entry.text for entry in never_used(found)] == ["th", "qq"]
    assert [entry.data for entry in rarely_used(found, 40)] == [b"the", b"ca", b"\xe6\x97"]
    assert never_used(_entries()) == []
    ours = BpeTokenizer([(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")])
    (missed,) = [one for one in unreachable(ours, _last(entries(ours))) if isinstance(one, list)]  # type: ignore[arg-type]
    assert [entry.text for entry in missed] == ["abc"]
