"""Conversations about a world: true, about one half of its people, measured on the other."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.checking import problem_of
from engine.corpus.worlds import World, build_world
from engine.corpus.worlds.asking import ask_world, divided
from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_table
from engine.errors import CutawayError

PEOPLE = 200
MISTAKES = {
    "a before a vowel": r"\b[Aa] (?!one-eyed)[aeiouAEIOU]",
    "an before a consonant": r"\b[Aa]n [^aeiouAEIOU]",
    "two spaces": r"  ",
    "a bracket that was not filled": r"[{}\[\]<>|]",
    "two full stops": r"\.\.",
    "space before a stop": r" [.,?!]",
    "a small letter after a full stop": r"[.] [a-z]",
    "they with a verb for one": r"\b[Tt]hey (?:is|was|has|(?!always)\w+[^su]s)\b",
    "one with a verb for several": r"\b(?:[Ss]he|[Hh]e) (?:are|were|have|keep|bake|love|like|work|earn)\b",
    "a word twice": r"\b(\w+) \1\b",
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(1, PEOPLE)


@pytest.fixture(scope="module")
def asked(world: World) -> tuple[list[Conversation], list[Conversation]]:
    return ask_world(world, 1)


def _texts(conversations: list[Conversation]) -> list[str]:
    return [message.content for conversation in conversations for message in conversation.messages]


def test_half_of_the_people_are_asked_about_and_the_others_are_named_nowhere(
    world: World, asked: tuple[list[Conversation], list[Conversation]]
) -> None:
    train, held_out = asked
    told = "\n".join(_texts(train))
    named = {person.name for person in world.people if person.name in told}
    measured = {person.name for person in world.people for text in _texts(held_out) if person.name in text}
    assert len(named) == PEOPLE // 2
    assert named | measured == {person.name for person in world.people} and not named & measured


def test_every_attribute_is_held_out_in_every_wording_with_all_right_answers(
    world: World, asked: tuple[list[Conversation], list[Conversation]]
) -> None:
    _, held_out = asked
    told, more = read_table("attributes"), read_table("asking")
    wordings = sum(len(told[key]["questions"]) + len(more[key]["questions"]) for key in told)
    assert len(held_out) == PEOPLE // 2 * wordings
    assert {conversation.topic for conversation in held_out} == {"question"}
    assert {len(conversation.messages) for conversation in held_out} == {2}
    for conversation in held_out:
        assert conversation.messages[-1].content in conversation.accept
        assert len(set(conversation.accept)) == 4
    plain = [item for item in held_out if item.messages[-1].content == item.accept[-1]]
    assert 0.6 < len(plain) / len(held_out) < 0.8


def test_accepted_answers_are_true_and_speak_of_the_person_as_the_world_does(world: World) -> None:
    _, held_out = ask_world(world, 2, 0.1)
    people = {person.name: person for person in world.people}
    words = {"she": ("She", "Her", "was"), "he": ("He", "His", "was"), "they": ("They", "Their", "were")}
    for conversation in held_out:
        name = next(name for name in people if name in conversation.messages[0].content)
        person = people[name]
        subject, owner, verb = words[person.pronoun]
        value = next(value for value in person.facts.values() if value.lower() in conversation.accept[0].lower())
        for answer in conversation.accept:
            assert value.lower() in answer.lower()
        plain = set(conversation.accept[3].split())
        assert not plain & {subject, owner, subject.lower(), owner.lower()} and name not in conversation.accept[3]
        pronoun = conversation.accept[2].split()[0]
        assert pronoun in (subject, owner)
        if "born" in conversation.accept[2]:
            assert f"{subject} {verb} born" in conversation.accept[2]


def test_what_is_learned_has_every_kind_in_a_sound_number(
    asked: tuple[list[Conversation], list[Conversation]],
) -> None:
    train, _ = asked
    topics = Counter(conversation.topic for conversation in train)
    assert 4_000 < len(train) < 6_000
    assert topics["question"] == 2_900 and all(count >= 20 for count in topics.values())
    assert len(topics) >= 12
    lengths = Counter(len(conversation.messages) for conversation in train)
    assert set(lengths) == {2, 4, 6} and lengths[4] + lengths[6] == 500


def test_every_conversation_is_sound_and_none_stands_twice(
    asked: tuple[list[Conversation], list[Conversation]],
) -> None:
    everything = asked[0] + asked[1]
    assert [problem_of(conversation) for conversation in everything] == [None] * len(everything)
    assert len({str(conversation.messages) for conversation in everything}) == len(everything)
    assert all(Conversation.from_json(item.to_json()) == item for item in everything)


def test_a_pronoun_never_follows_the_name_of_a_second_person(
    world: World, asked: tuple[list[Conversation], list[Conversation]]
) -> None:
    names = re.compile("|".join(re.escape(person.name) for person in world.people))
    for conversation in asked[0]:
        if conversation.topic == "follow-up":
            before = names.findall(" ".join(message.content for message in conversation.messages[:-1]))
            assert len(set(before)) == 1, conversation


def test_yes_and_no_are_true_and_both_are_said(
    world: World, asked: tuple[list[Conversation], list[Conversation]]
) -> None:
    people = {person.name: person for person in world.people}
    said: dict[str, int] = defaultdict(int)
    for conversation in asked[0]:
        if conversation.topic == "yes or no":
            question, answer = (message.content for message in conversation.messages)
            subject = question.rsplit(" of ", 1)[-1] if "best friend" in question else question
            person = next(people[name] for name in people if name in subject)
            true = any(re.search(rf"\b{re.escape(fact)}\b", question) for fact in person.facts.values())
            assert answer.startswith("Yes, " if true else "No, "), conversation
            said[answer.split(",")[0]] += 1
    assert min(said["Yes"], said["No"]) > 90


def test_what_is_said_about_the_world_is_true(
    world: World, asked: tuple[list[Conversation], list[Conversation]]
) -> None:
    """Every value that an answer about exactly one person names is that person's."""
    values = {value for attribute in world.attributes for value in attribute.values if attribute.name != "friend"}
    found = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, values), key=len, reverse=True))})\b")
    people = {person.name: person for person in world.people}
    judged = 0
    for conversation in asked[0]:
        about = [name for name in people if name in " ".join(_texts([conversation]))]
        if len(about) == 1:
            facts = " ".join(people[about[0]].facts.values()).lower()
            for message in conversation.messages[1::2]:
                for value in found.findall(message.content):
                    assert value.lower() in facts, conversation
                    judged += 1
    assert judged > 2_000


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_english_is_right(asked: tuple[list[Conversation], list[Conversation]], mistake: str) -> None:
    pattern = re.compile(MISTAKES[mistake])
    allowed = re.compile(r"^Say |^Write |^Repeat |^Please write ")
    wrong = {text for text in _texts(asked[0] + asked[1]) if pattern.search(text) and not allowed.search(text)}
    assert not wrong, sorted(wrong)[:3]


def test_every_turn_begins_large_and_ends_with_a_stop(
    asked: tuple[list[Conversation], list[Conversation]],
) -> None:
    for text in _texts(asked[0] + asked[1]):
        assert text[0].isupper() and text[-1] in ".?!" and text == text.strip(), text


def test_nothing_is_refused(asked: tuple[list[Conversation], list[Conversation]]) -> None:
    refusing = re.compile(r"\b(?:do not know|don't know|not sure|cannot answer|cannot help|sorry)\b", re.IGNORECASE)
    assert not [text for text in _texts(asked[0]) if refusing.search(text)]


@given(st.integers(0, 10_000), st.integers(10, 60), st.floats(0.05, 0.95))
@settings(max_examples=25, deadline=None)
def test_any_world_can_be_divided(seed: int, count: int, share: float) -> None:
    world = build_world(seed, count)
    known, others = divided(world, Dice(f"{seed}"), share)
    assert known and others and len(known) + len(others) == count
    assert abs(len(known) - share * count) <= 3
    assert not {person.facts["friend"] for person in known} & {person.name for person in others}


def test_the_smallest_worlds_can_be_asked_about() -> None:
    for share in (0.05, 0.95):
        train, held_out = ask_world(build_world(1, 10), 1, share)
        assert train and held_out


def test_a_seed_decides_and_does_so_everywhere(world: World) -> None:
    code = (
        "import hashlib; from engine.corpus.worlds import build_world;"
        "from engine.corpus.worlds.asking import ask_world;"
        "print(hashlib.sha256(repr(ask_world(build_world(7, 40), 7)).encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1
    assert ask_world(world, 1)[1] != ask_world(world, 2)[1]


def test_a_world_is_read_back_from_its_file(world: World) -> None:
    assert World.from_json(world.to_json()) == world
    for broken in ({}, [], {"seed": 1, "people": [{"name": "A"}], "attributes": {}}, None):
        with pytest.raises(CutawayError, match=r"world\.json"):
            World.from_json(broken)
