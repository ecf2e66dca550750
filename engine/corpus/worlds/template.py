"""The little language in which the sentences of a world are written.

{name} {first}          a person's full name, first name
{he} {him} {his}        her or his or their pronoun; {He}, {His} at the beginning of a sentence
{who} {Who} {Who's}     the full name, the first name or the pronoun: whichever is clear and sounds well
{keeps|keep}            agrees with the latest {he} or {who}: one person, or "they"
{pet} {Pet}             a fact of the person by the name of the attribute; {animal} is the pet without its "a grey"
{friend}                the friend's name, told as a fact
{friend.x} {other.x}    the same for the friend, and for somebody else in the story; {friend.name} is only a name
[one|two]               one of these, by chance
<day>                   one of the phrases of that name in phrases.txt
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.corpus.document import Document, Mark
from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.people import Form, Person

FULL_NAME_SHARE = 0.45
FIRST_NAME_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Slot:
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class _Agreement:
    singular: str
    plural: str


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[Template, ...]


Template = tuple["str | _Slot | _Agreement | _Choice", ...]
Phrases = Mapping[str, Sequence[str]]

_TOKEN = re.compile(r"\{([^{}|]+)\}|\{([^{}|]*)\|([^{}|]*)\}|<(\w+)>|([\[\]|])|([^{}<>\[\]|]+)")


def parse(text: str, phrases: Phrases | None = None) -> Template:
    """Raises ValueError for a bracket that does not close and for a phrase that there is not."""
    tokens = list(_TOKEN.finditer(text))
    if sum(len(token.group()) for token in tokens) != len(text):
        raise ValueError(f"a bracket is left open in {text!r}")
    template, rest = _sequence(tokens, phrases or {}, text)
    if rest:
        raise ValueError(f"{rest[0].group()!r} stands alone in {text!r}")
    return template


def roles_in(template: Template) -> set[str]:
    """Which persons beside the first a template speaks of: "friend", "other"."""
    roles = set()
    for node in template:
        if isinstance(node, _Slot):
            roles.add(node.role)
        elif isinstance(node, _Choice):
            roles.update(*(roles_in(option) for option in node.options))
    return roles - {""}


def _sequence(tokens: list[re.Match[str]], phrases: Phrases, text: str) -> tuple[Template, list[re.Match[str]]]:
    nodes: list[str | _Slot | _Agreement | _Choice] = []
    while tokens and tokens[0].group() not in ("|", "]"):
        token, tokens = tokens[0], tokens[1:]
        slot, singular, plural, phrase, bracket, literal = token.groups()
        if slot:
            role, _, key = slot.rpartition(".")
            nodes.append(_Slot(role, key))
        elif singular is not None:
            nodes.append(_Agreement(singular, plural))
        elif phrase:
            if phrase not in phrases:
                raise ValueError(f"there is no phrase <{phrase}>, wanted by {text!r}")
            nodes.append(_Choice(tuple(parse(option, phrases) for option in phrases[phrase])))
        elif bracket:
            choice, tokens = _choice(tokens, phrases, text)
            nodes.append(choice)
        else:
            nodes.append(literal)
    return tuple(nodes), tokens


def _choice(tokens: list[re.Match[str]], phrases: Phrases, text: str) -> tuple[_Choice, list[re.Match[str]]]:
    options = []
    while True:
        option, tokens = _sequence(tokens, phrases, text)
        options.append(option)
        if not tokens:
            raise ValueError(f"a bracket is left open in {text!r}")
        closing, tokens = tokens[0].group(), tokens[1:]
        if closing == "]":
            return _Choice(tuple(options)), tokens


class Telling:
    """A document in the making. cast: "" -> the person it is about, "friend" and "other" -> further people."""

    def __init__(self, dice: Dice, cast: Mapping[str, Person]) -> None:
        self._dice = dice
        self._cast = cast
        self._parts: list[str] = []
        self._length = 0
        self._marks: list[Mark] = []
        self._plural = False
        self._introduced: set[str] = set()
        self._latest = ""

    def tell(self, template: Template, cast: Mapping[str, Person] | None = None) -> None:
        """Adds the sentence. cast: other roles for the same document."""
        self._cast = cast or self._cast
        for node in template:
            if isinstance(node, str):
                self.write(node)
            elif isinstance(node, _Slot):
                self._fill(node)
            elif isinstance(node, _Agreement):
                self.write(node.plural if self._plural else node.singular)
            else:
                self.tell(self._dice.pick(node.options))

    @property
    def began(self) -> bool:
        return self._length > 0

    def write(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def document(self, source: str) -> Document:
        return Document("".join(self._parts), source, tuple(self._marks))

    def _fill(self, slot: _Slot) -> None:
        person = self._cast[slot.role]
        key = slot.key
        if key in ("who", "Who", "Who's"):
            key = self._form_of_address(person, key)
        form: Form = person.forms[key]
        if form.mark:
            self._marks.append((self._length, self._length + form.mark_length, form.mark))
        if form.agrees:
            self._plural = form.plural
        if form.names:
            self._latest = form.names
            self._introduced.add(form.names)
        self.write(form.text)

    def _form_of_address(self, person: Person, key: str) -> str:
        """The full name when the person is new; a pronoun only when nobody else was named in between."""
        self._plural = False
        possessive = "'s" if key == "Who's" else ""
        chance = self._dice.share()
        if person.name not in self._introduced or chance < FULL_NAME_SHARE:
            return f"name{possessive}"
        if chance < FULL_NAME_SHARE + FIRST_NAME_SHARE or self._latest != person.name:
            return f"first{possessive}"
        return {"who": "he", "Who": "He", "Who's": "His"}[key]
