"""Makes a world: people with names and facts, the same for the same seed on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_table
from engine.corpus.worlds.people import Person, make_person
from engine.errors import CutawayError

FEWEST_PEOPLE, MOST_PEOPLE = 10, 2_000


@dataclass(frozen=True)
class Attribute:
    """values: the closed set of what can be true. cloze: beginnings of sentences, with {name}, that stand in the
    corpus and go on with " " and the value. question: one that asks for it."""

    name: str
    question: str
    cloze: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class World:
    seed: int
    people: tuple[Person, ...]
    attributes: tuple[Attribute, ...]

    def to_json(self) -> dict[str, Any]:
        """The truth on file: `world.json`."""
        return {
            "seed": self.seed,
            "people": [
                {"name": person.name, "pronoun": person.pronoun, "facts": dict(person.facts)} for person in self.people
            ],
            "attributes": {
                attribute.name: {
                    "question": attribute.question,
                    "values": list(attribute.values),
                    "cloze": list(attribute.cloze),
                }
                for attribute in self.attributes
            },
        }

    @classmethod
    def from_json(cls, data: Any) -> World:
        """The inverse. Raises CutawayError for anything else."""
        try:
            people = tuple(make_person(item["name"], item["pronoun"], item["facts"]) for item in data["people"])
            attributes = tuple(
                Attribute(name, told["question"], tuple(told["cloze"]), tuple(told["values"]))
                for name, told in data["attributes"].items()
            )
            return cls(int(data["seed"]), people, attributes)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise CutawayError(
                "The world on file cannot be read.",
                f"world.json lacks something that belongs there: {error}.",
                "Make the world again.",
            ) from error


def build_world(seed: int, people: int = 400) -> World:
    """people: 10 to 2,000. Two friends share no other fact, and full names are unique. Raises ValueError."""
    if not FEWEST_PEOPLE <= people <= MOST_PEOPLE:
        raise ValueError(f"a world has {FEWEST_PEOPLE} to {MOST_PEOPLE} people, not {people}")
    dice = Dice(f"world {seed}")
    names = read_table("names")
    familiar = names["familiar"]
    called = _names(dice, names, people)
    friends = _friends(dice, len(familiar), people)
    table = read_table("attributes")
    columns = {
        key: _dealt(dice, facts["values"], [person[key] for person in familiar], friends)
        for key, facts in table.items()
        if "values" in facts
    }
    columns["friend"] = [called[friend][0] for friend in friends]
    citizens = tuple(
        make_person(name, pronoun, {key: columns[key][index] for key in table})
        for index, (name, pronoun) in enumerate(called)
    )
    return World(seed, citizens, tuple(_attribute(key, facts, citizens) for key, facts in table.items()))


def _attribute(key: str, facts: dict[str, Any], people: Sequence[Person]) -> Attribute:
    values = facts.get("values") or [person.name for person in people]
    return Attribute(key, facts["question"], tuple(facts["cloze"]), tuple(values))


def _names(dice: Dice, names: dict[str, Any], count: int) -> list[tuple[str, str]]:
    """(full name, pronoun): first names and surnames dealt evenly, so that neither alone gives a person away."""
    found = {person["name"]: person["pronoun"] for person in names["familiar"]}
    first_names = dice.deal([(name, pronoun) for pronoun, group in names["first"].items() for name in group])
    surnames = dice.deal(names["last"]["names"])
    while len(found) < count:
        first, pronoun = next(first_names)
        found.setdefault(f"{first} {next(surnames)}", pronoun)
    return list(found.items())


def _friends(dice: Dice, familiar: int, count: int) -> list[int]:
    """Index of each person's best friend: pairs, and one round of three when the number is odd."""
    order = list(range(familiar)) + dice.shuffled(range(familiar, count))
    friends = [0] * count
    for place in range(0, count - 1, 2):
        left, right = order[place], order[place + 1]
        friends[left], friends[right] = right, left
    if count % 2:
        left, right, last = order[-3:]
        friends[left], friends[right], friends[last] = right, last, left
    return friends


def _dealt(dice: Dice, values: Sequence[str], fixed: Sequence[str], friends: Sequence[int]) -> list[str]:
    """A value for everyone, dealt evenly; exchanged where two friends would have the same."""
    cards = dice.deal(values)
    column = [*fixed, *(next(cards) for _ in range(len(friends) - len(fixed)))]
    befriended = {friend: index for index, friend in enumerate(friends)}

    def clashes(index: int) -> bool:
        return column[index] in (column[friends[index]], column[befriended[index]])

    for index in range(len(fixed), len(column)):
        while clashes(index):
            other = len(fixed) + dice.below(len(column) - len(fixed))
            column[index], column[other] = column[other], column[index]
            if clashes(other):
                column[index], column[other] = column[other], column[index]
    return column
