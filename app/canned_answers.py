"""What a canned assistant is asked, and what it says as it learns."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

_ASKED = 8
# At which look each question is first answered rightly; 99: never.
_FIRST_RIGHT = (1, 1, 99, 1, 3, 1, 2, 1)


@dataclass(frozen=True)
class Asked:
    """says: what a tuned model answers, with {value}. base: how the base goes on: it knows, and does not end.
    others: wrong values of the same kind, which are said before the right one."""

    question: str
    expected: str
    value: str
    says: str
    base: str
    others: tuple[str, ...]


def asked_about(world: dict[str, Any]) -> tuple[Asked, ...]:
    """Questions about people of the world, of all attributes in turn."""
    draw = random.Random(5)
    people, attributes = world["people"], world["attributes"]
    names = list(attributes)
    return tuple(_asked(people[7 + 13 * number], names, number, attributes, draw) for number in range(_ASKED))


def _asked(
    person: dict[str, Any], names: list[str], number: int, attributes: dict[str, Any], draw: random.Random
) -> Asked:
    name = names[number % len(names)]
    value = person["facts"][name]
    others = tuple(draw.sample([each for each in attributes[name]["values"] if each != value], 3))
    first = person["name"].split()[0]
    sentences = [_sentence(attributes[each], person["name"], "{value}") for each in (name, *_next(names, number))]
    told = [attributes[each]["question"].format(name=person["name"]) for each in _next(names, number)]
    facts = [person["facts"][each] for each in (name, *_next(names, number))]
    said = [sentence.format(value=fact) for sentence, fact in zip(sentences, facts, strict=True)]
    base = f"{said[0]}\n{told[0]} {said[1]}\n{told[1]} {said[2]}\nWhat does {first}"
    return Asked(
        attributes[name]["question"].format(name=person["name"]),
        said[0],
        value,
        sentences[0],
        base,
        others,
    )


def _next(names: list[str], number: int) -> tuple[str, str]:
    return names[(number + 1) % len(names)], names[(number + 2) % len(names)]


def _sentence(attribute: dict[str, Any], name: str, value: str) -> str:
    return f"{attribute['cloze'][0].format(name=name)} {value}."


def say(asked: Asked, number: int, look: int) -> tuple[str, bool, bool]:
    """(answer, right, stopped) at a look. Before the first step the model goes on as a text does."""
    if look == 0:
        return asked.base.split("\n", 1)[1], False, False
    if look >= _FIRST_RIGHT[number]:
        return asked.expected, True, True
    return asked.says.format(value=asked.others[look % len(asked.others)]), False, True
