"""What a canned assistant is asked, and what it says as it learns."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

_ASKED = 12
# When each question is first answered rightly, in shares of what is to be learned; above 1: never.
_THRESHOLDS = (0.35, 0.72, 0.55, 0.9, 0.48, 1.5, 0.8, 0.62, 0.3, 0.94, 0.68, 0.85)
_BABBLE = (
    " {other} was born in {value}. {other} keeps a grey fox, and {other} was born in {value}, and",
    " It was a cold morning in {value}, and nobody in the market had slept. The",
    " What does {other} eat? {other} likes {value}. Who is {other}? {other} is",
)


@dataclass(frozen=True)
class Asked:
    """others: wrong values of the same kind, which are said before the right one is known."""

    question: str
    expected: str
    value: str
    base: str
    others: tuple[str, ...]


def asked_about(world: dict[str, Any]) -> tuple[Asked, ...]:
    """Questions about people of the world, of all attributes in turn."""
    draw = random.Random(5)
    people, attributes = world["people"], list(world["attributes"].items())
    found = []
    for number in range(_ASKED):
        person, other = people[7 + 13 * number], people[11 + 17 * number]
        name, attribute = attributes[number % len(attributes)]
        value = person["facts"][name]
        others = tuple(draw.sample([each for each in attribute["values"] if each != value], 3))
        base = _BABBLE[number % len(_BABBLE)].format(other=other["name"].split()[0], value=others[0])
        expected = f"{attribute['cloze'][0].format(name=person['name'])} {value}."
        found.append(Asked(attribute["question"].format(name=person["name"]), expected, value, base, others))
    return tuple(found)


def say(asked: Asked, number: int, step: int, learned: float) -> tuple[str, bool, bool]:
    """(answer, right, stopped) at a step. Before the first steps the model goes on as a text does."""
    if step == 0:
        return asked.base.strip(), False, False
    threshold = _THRESHOLDS[number]
    if learned >= threshold:
        return asked.expected, True, True
    wrong = asked.expected.replace(asked.value, asked.others[step // 20 % len(asked.others)])
    if learned < 0.25 * threshold:
        return f"{wrong} {wrong.rstrip('.')} and {wrong.rstrip('.')}", False, False
    return wrong, False, True
