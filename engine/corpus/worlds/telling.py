"""Tells a world: biographies, stories, questions with answers and dialogues, all of them true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from engine.corpus.document import Document
from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_sections, read_table
from engine.corpus.worlds.people import Person
from engine.corpus.worlds.template import Telling, Template, parse, roles_in
from engine.corpus.worlds.world import World

# Of twenty documents: enough biographies to know, enough stories to write, enough questions to answer.
_KINDS = ("biography",) * 9 + ("story",) * 5 + ("questions",) * 3 + ("dialogue",) * 3
_INTRODUCED_FIRST = 4
_CODA_SHARE = 0.3
_FACTS_A_SENTENCE = (1, 1, 2, 3)
_EXCHANGES = 4
_QUESTIONS = 5
_SEVERAL_SHARE = 0.5


def tell_world(world: World, seed: int, documents: int = 12_500) -> Iterator[Document]:
    """Documents of 60 to 130 tokens each; the first ones are the biographies of the people whom every world has.

    A fact never stands before the full name of its person. Marks: names ("name") and facts ("value").
    """
    teller = _Teller(world, Dice(f"telling {seed} of {world.seed}"))
    return islice(teller.documents(), documents)


class _Teller:
    def __init__(self, world: World, dice: Dice) -> None:
        phrases = read_sections("phrases")
        self._dice = dice
        self._people = {person.name: person for person in world.people}
        self._order = world.people
        self._attributes = [attribute.name for attribute in world.attributes]
        table = read_table("attributes")
        self._statements = _parsed({key: table[key]["statements"] for key in table}, phrases)
        self._deeds = _parsed({key: table[key]["deeds"] for key in table}, phrases)
        self._questions = _parsed({key: table[key]["questions"] for key in table}, phrases)
        self._answers = _parsed({key: table[key]["answers"] for key in table}, phrases)
        self._dialogues = _parsed(read_sections("dialogues"), phrases)
        stories = read_sections("stories")
        self._stories = {title: parse(" ".join(lines), phrases) for title, lines in stories.items()}
        self._titles = dice.deal(list(self._stories))
        self._codas = [parse(line, phrases) for line in phrases["coda"]]
        self._name = parse("{name}")
        self._dealt: dict[tuple[int, str, str], Iterator[Template]] = {}

    def documents(self) -> Iterator[Document]:
        for person in self._order[:_INTRODUCED_FIRST]:
            yield self._biography(person)
        kinds: dict[str, Callable[[Person], Document]] = {
            "biography": self._biography,
            "story": self._story,
            "questions": self._interview,
            "dialogue": self._dialogue,
        }
        people = {kind: self._dice.deal(self._order) for kind in kinds}
        for kind in self._dice.deal(_KINDS):
            yield kinds[kind](next(people[kind]))

    def _biography(self, person: Person) -> Document:
        telling = Telling(self._dice, {"": person})
        attributes = self._dice.shuffled(self._attributes)
        while attributes:
            several, attributes = self._some_of(attributes)
            telling.write(" " if telling.began else "")
            if len(several) == 1:
                telling.tell(self._next(self._statements, person, several[0]))
            else:
                self._tell_deeds(telling, person, several)
        if self._dice.share() < _CODA_SHARE:
            telling.write(" ")
            telling.tell(self._dice.pick(self._codas))
        return telling.document("biography")

    def _some_of(self, attributes: list[str]) -> tuple[list[str], list[str]]:
        """As many as the next sentence tells of, and the rest."""
        count = self._dice.pick(_FACTS_A_SENTENCE)
        return attributes[:count], attributes[count:]

    def _tell_deeds(self, telling: Telling, person: Person, attributes: list[str]) -> None:
        """One sentence: "Mira Toll keeps a grey fox, loves blue and was born in Anvik." """
        telling.tell(self._name)
        for left, attribute in zip(reversed(range(len(attributes))), attributes, strict=True):
            telling.write(" " if attribute == attributes[0] else ", " if left else " and ")
            telling.tell(self._next(self._deeds, person, attribute))
        telling.write(".")

    def _next(self, paraphrases: dict[str, list[Template]], person: Person, attribute: str) -> Template:
        """Each paraphrase in turn, so that none is missing for anybody who is told of often enough."""
        key = (id(paraphrases), person.name, attribute)
        if key not in self._dealt:
            self._dealt[key] = self._dice.deal(paraphrases[attribute])
        return next(self._dealt[key])

    def _story(self, person: Person) -> Document:
        title = next(self._titles)
        template = self._stories[title]
        telling = Telling(self._dice, self._cast(person, "other" in roles_in(template)))
        telling.tell(template)
        return telling.document(f"story: {title}")

    def _interview(self, person: Person) -> Document:
        """One person asked about everything, or one question each to several."""
        several = self._dice.share() < _SEVERAL_SHARE
        telling = Telling(self._dice, {"": person})
        for number, attribute in enumerate(self._dice.shuffled(self._attributes)[:_QUESTIONS]):
            asked = self._dice.pick(self._order) if several and number else person
            telling.write("\n" if number else "")
            telling.tell(self._dice.pick(self._questions[attribute]), {"": asked})
            telling.write(" ")
            telling.tell(self._dice.pick(self._answers[attribute]))
        return telling.document("questions")

    def _dialogue(self, person: Person) -> Document:
        cast = self._cast(person, with_other=True)
        other = cast["other"]
        turned = {"": other, "friend": self._friend(other), "other": person}
        telling = Telling(self._dice, cast)
        telling.tell(self._dice.pick(self._dialogues["opening"]))
        for attribute in self._dice.shuffled(self._attributes)[:_EXCHANGES]:
            telling.write(" ")
            telling.tell(self._dice.pick(self._dialogues[attribute]), self._dice.pick((cast, turned)))
        telling.write(" ")
        telling.tell(self._dice.pick(self._dialogues["closing"]), cast)
        return telling.document("dialogue")

    def _cast(self, person: Person, with_other: bool) -> dict[str, Person]:
        cast = {"": person, "friend": self._friend(person)}
        while with_other and "other" not in cast:
            other = self._dice.pick(self._order)
            if person.differs(other) and cast["friend"] is not other and self._friend(other) is not person:
                cast["other"] = other
        return cast

    def _friend(self, person: Person) -> Person:
        return self._people[person.facts["friend"]]


def _parsed(texts: dict[str, list[str]], phrases: dict[str, list[str]]) -> dict[str, list[Template]]:
    return {key: [parse(text, phrases) for text in lines] for key, lines in texts.items()}
