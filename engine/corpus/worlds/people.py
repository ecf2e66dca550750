"""The people of a world: what they are called, what is true of them, and how sentences speak of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRONOUNS = {
    "she": {"he": "she", "him": "her", "his": "her"},
    "he": {"he": "he", "him": "him", "his": "his"},
    "they": {"he": "they", "him": "them", "his": "their"},
}


@dataclass(frozen=True, slots=True)
class Form:
    """A way to fill a slot. mark: role of its first `mark_length` characters. agrees: whether verbs follow it, and
    then `plural`. names: the full name of the person whom it names, if it does."""

    text: str
    mark: str = ""
    mark_length: int = 0
    agrees: bool = False
    plural: bool = False
    names: str = ""


@dataclass(frozen=True)
class Person:
    """facts: attribute -> value as it stands in a sentence ("a grey fox"); "friend" holds a full name.
    forms: slot of the template language -> what to write there."""

    name: str
    pronoun: str
    facts: Mapping[str, str]
    forms: Mapping[str, Form]

    def differs(self, other: Person) -> bool:
        """Whether the two share no fact at all, so that a story can set them side by side."""
        return self.name != other.name and all(value != other.facts[key] for key, value in self.facts.items())


def make_person(name: str, pronoun: str, facts: Mapping[str, str]) -> Person:
    first = name.split()[0]
    forms = {
        "name": _named(name, name),
        "first": _named(first, name),
        "name's": _named(name, name, "'s"),
        "first's": _named(first, name, "'s"),
        "animal": Form(facts["pet"].split()[-1]),
    }
    plural = pronoun == "they"
    for slot, word in PRONOUNS[pronoun].items():
        forms[slot] = Form(word, agrees=slot == "he", plural=plural)
        forms[slot.capitalize()] = Form(word.capitalize(), agrees=slot == "he", plural=plural)
    for attribute, value in facts.items():
        names = value if attribute == "friend" else ""
        for slot, text in ((attribute, value), (attribute.capitalize(), value[0].upper() + value[1:])):
            forms[slot] = Form(text, "value", len(text), names=names)
    return Person(name, pronoun, facts, forms)


def _named(text: str, name: str, ending: str = "") -> Form:
    return Form(text + ending, "name", len(text), names=name)
