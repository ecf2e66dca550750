"""The built-in world: always the same, always true, and good English."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus.document import Document
from engine.corpus.worlds import World, build_world, tell_world
from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_sections
from engine.corpus.worlds.people import make_person
from engine.corpus.worlds.template import Telling, parse

PEOPLE, DOCUMENTS = 60, 5000
FACTS = {"birthplace": "Tarn", "work": "a potter", "pet": "an old donkey", "colour": "red", "food": "rye bread"}
MISTAKES = {
    "a before a vowel": r"\b[Aa] (?!one-eyed)[aeiouAEIOU]",
    "an before a consonant": r"\b[Aa]n [^aeiouAEIOU]",
    "two spaces": r"  ",
    "a bracket that was not filled": r"[{}\[\]<>|]",
    "two full stops": r"\.\.",
    "space before a stop": r" [.,?!]",
    "a small letter after a full stop": r"[.] [a-z]",
    "they with a verb for one": r"\b[Tt]hey (?:is|was|has|(?!always)\w+[^su]s)\b",
    "one with a verb for several": r"\b(?:[Ss]he|[Hh]e) (?:are|were|have|keep|bake|love|like)\b",
    "a word twice": r"\b(\w+) \1\b",
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(3, PEOPLE)


@pytest.fixture(scope="module")
def documents(world: World) -> list[Document]:
    return list(tell_world(world, 3, DOCUMENTS))


def _texts(documents: list[Document], kind: str) -> list[str]:
    return [document.text for document in documents if document.source.startswith(kind)]


# --- the people


@given(st.integers(0, 10_000), st.integers(10, 90))
@settings(max_examples=30, deadline=None)
def test_any_world_has_unique_names_and_sound_friendships(seed: int, count: int) -> None:
    people = {person.name: person for person in build_world(seed, count).people}
    assert len(people) == count
    for person in people.values():
        friend = people[person.facts["friend"]]
        assert person.differs(friend)
        assert count % 2 or friend.facts["friend"] == person.name


def test_the_largest_world_is_told_quickly_and_has_unique_names() -> None:
    assert len({person.name for person in build_world(1, 2_000).people}) == 2_000


def test_four_people_live_in_every_world() -> None:
    for seed in (1, 2):
        people = build_world(seed, 10).people
        assert [person.name for person in people[:4]] == ["Mira Toll", "Ivo Lind", "Oren Vask", "Tilda Roe"]
        assert people[0].facts["birthplace"] == "Anvik" and people[0].facts["pet"] == "a grey fox"
        assert people[2].facts["friend"] == "Tilda Roe"


def test_neither_first_name_nor_surname_gives_a_person_away() -> None:
    people = build_world(1, 400).people
    firsts, lasts = (Counter(person.name.split()[part] for person in people) for part in (0, 1))
    assert min(firsts.values()) >= 3 and max(firsts.values()) <= 7
    assert min(lasts.values()) >= 2 and max(lasts.values()) <= 6


def test_facts_are_dealt_evenly_and_say_nothing_about_a_pronoun() -> None:
    world = build_world(1, 400)
    for attribute in world.attributes[:-1]:
        shares = Counter(person.facts[attribute.name] for person in world.people)
        assert set(shares) == set(attribute.values)
        assert max(shares.values()) - min(shares.values()) <= 4
    works = defaultdict(set)
    for person in world.people:
        works[person.facts["work"]].add(person.pronoun)
    assert all({"she", "he"} <= pronouns for pronouns in works.values())


@pytest.mark.parametrize("people", [0, 9, 2001])
def test_a_world_of_impossible_size_is_refused(people: int) -> None:
    with pytest.raises(ValueError, match="10 to 2000 people"):
        build_world(1, people)


# --- the same everywhere


def test_chance_falls_the_same_way_everywhere() -> None:
    dice = Dice("world 1")
    assert [dice.below(1000) for _ in range(6)] == [936, 266, 763, 84, 618, 360]
    assert dice.shuffled(range(5)) == [3, 1, 4, 0, 2]


def test_a_world_is_the_same_in_another_process() -> None:
    code = (
        "import hashlib; from engine.corpus.worlds import build_world, tell_world;"
        "told = chr(0).join(document.text for document in tell_world(build_world(7, 40), 7, 300));"
        "print(hashlib.sha256(told.encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    told = "\0".join(document.text for document in tell_world(build_world(7, 40), 7, 300))
    assert hashes == {hashlib.sha256(told.encode()).hexdigest()}


def test_another_seed_is_another_world() -> None:
    worlds = [build_world(seed, 40) for seed in (1, 2)]
    assert worlds[0].people[20].name != worlds[1].people[20].name
    told = [[document.text for document in tell_world(worlds[0], seed, 50)] for seed in (1, 2)]
    assert told[0] != told[1]


def test_a_longer_telling_begins_like_a_shorter_one(world: World, documents: list[Document]) -> None:
    assert list(tell_world(world, 3, 100)) == documents[:100]


# --- the truth


def test_every_fact_that_is_told_is_true_and_stands_after_the_full_name(
    world: World, documents: list[Document]
) -> None:
    for document in documents:
        for start, end, role in document.marks:
            told, before = document.text[start:end].lower(), document.text[:start]
            if role == "value":
                owners = [person for person in world.people if person.name in before]
                assert any(told == value.lower() for person in owners for value in person.facts.values()), document


def test_every_mark_stands_on_a_name_or_a_value(world: World, documents: list[Document]) -> None:
    names = {part for person in world.people for part in (person.name, person.name.split()[0])}
    for document in documents:
        for start, end, role in document.marks:
            assert role in ("name", "value")
            assert role == "value" or document.text[start:end] in names, document


def test_cloze_sentences_stand_verbatim_and_only_ever_tell_the_truth(world: World, documents: list[Document]) -> None:
    told = "\n".join(document.text for document in documents)
    for attribute, facts in world.to_json()["attributes"].items():
        assert len(facts["cloze"]) >= 2
        for cloze in facts["cloze"]:
            assert cloze.startswith("{name}")
            for person in world.to_json()["people"]:
                said = {told[m.end() :][:40] for m in re.finditer(re.escape(cloze.format(name=person["name"])), told)}
                value = person["facts"][attribute]
                assert said, cloze.format(name=person["name"])
                assert all(re.match(rf" {re.escape(value)}\b", text) for text in said), (cloze, person, said)


def test_questions_are_answered_truly(world: World, documents: list[Document]) -> None:
    people = {person.name: person for person in world.people}
    names = re.compile("|".join(map(re.escape, people)))
    asked = [line.split("? ", 1) for text in _texts(documents, "questions") for line in text.split("\n")]
    assert len(asked) > 1000
    for question, answer in asked:
        facts = people[names.search(question).group()].facts  # type: ignore[union-attr]
        assert any(value.lower() in answer.lower() for value in facts.values()), (question, answer)
    told = "\n".join(_texts(documents, "questions"))
    for facts in world.to_json()["attributes"].values():
        assert facts["question"].format(name="Mira Toll") in told


def test_no_fact_is_missing_for_anybody_even_in_a_short_telling() -> None:
    world = build_world(4, 50)
    told = list(tell_world(world, 4, 500))
    for person in world.people:
        lives = [document.text for document in told if document.text.find(person.name) >= 0]
        for value in person.facts.values():
            assert any(value in text for text in lives), (person.name, value)


def test_every_story_and_every_kind_is_told(documents: list[Document]) -> None:
    sources = Counter(document.source for document in documents)
    stories = {f"story: {title}" for title in read_sections("stories")}
    assert len(stories) >= 45
    assert set(sources) == stories | {"biography", "questions", "dialogue"}


def test_values_are_closed_sets(world: World) -> None:
    for person in world.people:
        for attribute in world.attributes:
            assert person.facts[attribute.name] in attribute.values


# --- the language


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_english_is_right(documents: list[Document], mistake: str) -> None:
    pattern = re.compile(MISTAKES[mistake])
    wrong = {match.group() + " in: " + d.text for d in documents if (match := pattern.search(d.text))}
    assert not wrong, sorted(wrong)[:3]


def test_sentences_begin_large_end_with_a_stop_and_close_their_quotes(documents: list[Document]) -> None:
    for document in documents:
        text = document.text
        assert text == text.strip() and text.isprintable() is ("\n" not in text)
        assert text[0].isupper() or text[0] == '"'
        assert text[-1] in '.!?"'
        assert text.count('"') % 2 == 0, text


def test_documents_fit_a_small_context(documents: list[Document]) -> None:
    words = sorted(len(document.text.split()) for document in documents)
    assert words[len(words) // 100] >= 25
    assert words[-1] <= 105
    assert max(len(text.split()) for text in _texts(documents, "biography")) <= 85


def test_the_vocabulary_is_small(documents: list[Document]) -> None:
    assert len({word.lower() for document in documents for word in re.findall(r"[^\W\d_]+", document.text)}) < 1100


# --- the little language of templates


def _told(text: str, pronoun: str = "she", times: int = 1) -> set[str]:
    person = make_person("Ada Roe", pronoun, {**FACTS, "friend": "Bo Lind"})
    dice = Dice("trial")
    found = set()
    for _ in range(times):
        telling = Telling(dice, {"": person})
        telling.tell(parse(text, {"day": ["One [wet|dry] day"]}))
        found.add(telling.document("trial").text)
    return found


@pytest.mark.parametrize(
    ("template", "pronoun", "text"),
    [
        ("{name} keeps {pet}.", "she", "Ada Roe keeps an old donkey."),
        (
            "{He} {is|are} {work}, and the {animal} likes {him}.",
            "they",
            "They are a potter, and the donkey likes them.",
        ),
        ("{He} {is|are} {work}, and the {animal} likes {him}.", "he", "He is a potter, and the donkey likes him."),
        ("{Food}? {His} {food}!", "they", "Rye bread? Their rye bread!"),
        ("{Who's} friend {friend}", "she", "Ada Roe's friend Bo Lind"),
    ],
)
def test_slots_are_filled(template: str, pronoun: str, text: str) -> None:
    assert _told(template, pronoun) == {text}


def test_choices_and_phrases_are_drawn() -> None:
    assert _told("<day> [{first}|nobody] came.", times=60) == {
        f"One {weather} day {who} came." for weather in ("wet", "dry") for who in ("Ada", "nobody")
    }


def test_a_pronoun_is_used_only_when_it_is_clear() -> None:
    twice = _told("{name} sat. {Who} {sleeps|sleep}.", "they", times=60)
    assert twice == {f"Ada Roe sat. {who}." for who in ("Ada Roe sleeps", "Ada sleeps", "They sleep")}
    after_another = _told("{name} met {friend}. {Who} {sleeps|sleep}.", "they", times=60)
    assert after_another == {f"Ada Roe met Bo Lind. {who} sleeps." for who in ("Ada Roe", "Ada")}


@pytest.mark.parametrize("text", ["{name", "[one|two", "one]", "a|b", "<nothing>", "{a|b|c}", "<day"])
def test_a_broken_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"left open|stands alone|no phrase"):
        parse(text)
