"""Asks about a world: conversations about half of its people to learn from, and questions about the others to measure.

Friends stand on the same side, so that nobody of the other half is named anywhere in what is learned from, not even as
an answer: what is measured was never a part of any conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.corpus.conversation import Conversation, Message
from engine.corpus.worlds.chatting import small_talk, small_tasks
from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_sections, read_table
from engine.corpus.worlds.people import Person
from engine.corpus.worlds.template import Telling, Template, parse
from engine.corpus.worlds.world import World

# How many conversations of each kind there are for one person, beside every question in each of its wordings.
_A_PERSON = {
    "follow-up": 4,
    "instruction": 5,
    "two people": 2,
    "which of two": 2,
    "yes or no": 3,
    "two facts": 2,
    "biography": 2,
    "greeting": 1,
}
# How often the plain answer is given, beside once each of the others. A small model learns to answer from it: where the
# person's name or pronoun has to be said first, it says those of people whom it was asked about before.
_PLAIN = 7
_ONE_WORD = ("birthplace", "colour")
_SENTENCES_OF_A_LIFE = (2, 3, 3)
_TRIES = 50


def ask_world(world: World, seed: int, people_share: float = 0.5) -> tuple[list[Conversation], list[Conversation]]:
    """Conversations to learn from, in shuffled order, and single questions that are held out. None stands twice.

    people_share: of the people, above 0 and below 1, are asked about in the first. Every question, of either list, has
    in `accept` all answers that are right, word for word. Held out are all questions about everybody else.
    """
    dice = Dice(f"asking {seed} of {world.seed}")
    known, others = divided(world, dice, people_share)
    asker = _Asker(world, dice, known)
    train = {_said(item): item for item in asker.conversations()}
    held_out = [question for person in others for question in asker.questions(person)]
    return dice.shuffled(list(train.values())), held_out


def divided(world: World, dice: Dice, share: float) -> tuple[list[Person], list[Person]]:
    """The people by chance on two sides, in the world's order; friends, and friends of friends, stay together."""
    circles = dice.shuffled(_circles(world))
    wanted = min(max(share * len(world.people), 1), len(world.people) - len(circles[-1]))
    known: set[str] = set()
    for circle in circles:
        if known and len(known) + len(circle) / 2 > wanted:
            break
        known.update(circle)
    return [p for p in world.people if p.name in known], [p for p in world.people if p.name not in known]


def _circles(world: World) -> list[list[str]]:
    friend = {person.name: person.facts["friend"] for person in world.people}
    circles, seen = [], set[str]()
    for name in friend:
        circle = []
        while name not in seen:
            seen.add(name)
            circle.append(name)
            name = friend[name]
        if circle:
            circles.append(circle)
    return circles


def _said(conversation: Conversation) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, message.content) for message in conversation.messages)


def _talk(topic: str, *texts: str, accept: tuple[str, ...] = ()) -> Conversation:
    """texts: of the user and the assistant in turn."""
    roles = ("user", "assistant") * (len(texts) // 2)
    messages = tuple(Message(role, text) for role, text in zip(roles, texts, strict=True))
    return Conversation(messages, "invented by Cutaway", accept=accept, topic=topic)


class _Asker:
    def __init__(self, world: World, dice: Dice, people: list[Person]) -> None:
        self._dice = dice
        self._people = people
        self._attributes = [attribute.name for attribute in world.attributes]
        self._values = {a.name: a.values for a in world.attributes if a.name != "friend"}
        told, asked = read_table("attributes"), read_table("asking")
        self._lines = read_sections("talking")
        self._questions = {key: _parsed([*told[key]["questions"], *asked[key]["questions"]]) for key in told}
        self._statements = {key: _parsed(told[key]["statements"]) for key in told}
        self._deeds = {key: _parsed(told[key]["deeds"]) for key in told}
        self._follow_ups = {key: _parsed(asked[key]["follow_ups"]) for key in told}
        self._phrases: dict[str, Mapping[str, Any]] = {
            key: {name: parse(text) for name, text in asked[key].items() if isinstance(text, str)} for key in told
        }
        self._answers = {key: [*_parsed(told[key]["answers"]), self._phrases[key]["plain"]] for key in told}
        self._wordings = {
            key: dice.deal([*templates, *templates[-1:] * (_PLAIN - 1)]) for key, templates in self._answers.items()
        }

    def conversations(self) -> Iterator[Conversation]:
        """All that is learned from; a few may stand twice."""
        makers: dict[str, Callable[[Person, str], Conversation | None]] = {
            "follow-up": self._follow_up,
            "instruction": self._instruction,
            "two people": self._both,
            "which of two": self._which,
            "yes or no": self._check,
            "two facts": self._two_facts,
            "biography": self._biography,
            "greeting": self._greeted,
        }
        attributes = {kind: self._dice.deal(self._attributes) for kind in makers}
        for person in self._people:
            yield from self.questions(person)
            for kind, count in _A_PERSON.items():
                made = (makers[kind](person, next(attributes[kind])) for _ in range(count))
                yield from (conversation for conversation in made if conversation)
        yield from (_talk(topic, asked, said) for topic, asked, said in small_talk(self._lines))
        yield from (_talk("task", asked, said) for asked, said in small_tasks(self._lines, self._values, self._dice))

    def questions(self, person: Person) -> Iterator[Conversation]:
        """Every attribute in every wording."""
        for attribute in self._attributes:
            accept = tuple(self._written(template, person) for template in self._answers[attribute])
            for question in self._questions[attribute]:
                answer = self._answer(person, attribute)
                yield _talk("question", self._written(question, person), answer, accept=accept)

    def _written(self, template: Template, person: Person, other: Person | None = None) -> str:
        telling = Telling(self._dice, {"": person, "other": other or person})
        telling.tell(template)
        return telling.document("").text

    def _answer(self, person: Person, attribute: str) -> str:
        return self._written(next(self._wordings[attribute]), person)

    def _question(self, person: Person, attribute: str) -> str:
        return self._written(self._dice.pick(self._questions[attribute]), person)

    def _line(self, section: str) -> str:
        return self._dice.pick(self._lines[section])

    def _other(self, person: Person) -> Person | None:
        """Somebody with whom the person shares no fact, and who is no friend; None when nobody is found."""
        for _ in range(_TRIES):
            other = self._dice.pick(self._people)
            if person.differs(other) and person.name != other.facts["friend"] and other.name != person.facts["friend"]:
                return other
        return None

    def _follow_up(self, person: Person, attribute: str) -> Conversation:
        """Two or three questions. The friend comes last: after that name a pronoun could mean either."""
        rest = [name for name in self._dice.shuffled(self._attributes) if name != attribute]
        order = sorted([attribute, *rest[: 1 + self._dice.below(2)]], key=lambda name: name == "friend")
        texts = [self._question(person, order[0]), self._answer(person, order[0])]
        for name in order[1:]:
            texts += [self._written(self._dice.pick(self._follow_ups[name]), person), self._answer(person, name)]
        return _talk("follow-up", *texts)

    def _instruction(self, person: Person, attribute: str) -> Conversation:
        question, phrases = self._question(person, attribute), self._phrases[attribute]
        manner = self._dice.pick(("brief", "full", "polite"))
        if manner == "polite":
            answer = f"{self._line('polite')} {self._written(phrases['full'], person)}"
            return _talk("instruction", f"{question} {self._line('ask politely')}", answer)
        if manner == "full":
            asked = self._line("ask for a sentence")
        else:
            one_word = attribute in _ONE_WORD and self._dice.share() < 0.5
            asked = self._line("ask for one word" if one_word else "ask briefly")
        return _talk("instruction", f"{question} {asked}", self._written(phrases[manner], person))

    def _both(self, person: Person, attribute: str) -> Conversation | None:
        return self._about_two("two people", person, attribute, "both", "both_answer")

    def _which(self, person: Person, attribute: str) -> Conversation | None:
        conversation = self._about_two("which of two", person, attribute, "which", "full")
        if not conversation:
            return None
        return _talk("which of two", conversation.messages[0].content, f"{person.name}.")

    def _about_two(self, topic: str, person: Person, attribute: str, ask: str, answer: str) -> Conversation | None:
        other, phrases = self._other(person), self._phrases[attribute]
        if not other:
            return None
        return _talk(topic, self._written(phrases[ask], person, other), self._written(phrases[answer], person, other))

    def _check(self, person: Person, attribute: str) -> Conversation | None:
        """As often true as not."""
        phrases = self._phrases[attribute]
        if self._dice.share() < 0.5:
            return _talk("yes or no", self._written(phrases["check"], person), self._written(phrases["yes"], person))
        return self._about_two("yes or no", person, attribute, "check", "no")

    def _two_facts(self, person: Person, attribute: str) -> Conversation:
        second = self._dice.pick([name for name in self._attributes if name != attribute])
        deeds = [self._written(self._dice.pick(self._deeds[name]), person) for name in (attribute, second)]
        asked = self._written(parse(self._line("ask for two facts")), person)
        return _talk("two facts", asked, f"{person.name} {deeds[0]} and {deeds[1]}.")

    def _biography(self, person: Person, attribute: str) -> Conversation:
        rest = [name for name in self._dice.shuffled(self._attributes) if name != attribute]
        telling = Telling(self._dice, {"": person})
        for name in [attribute, *rest][: self._dice.pick(_SENTENCES_OF_A_LIFE)]:
            telling.write(" " if telling.began else "")
            telling.tell(self._dice.pick(self._statements[name]))
        asked = self._written(parse(self._line("ask for a life")), person)
        return _talk("biography", asked, telling.document("").text)

    def _greeted(self, person: Person, attribute: str) -> Conversation:
        """A greeting, a question and thanks, as people do it."""
        begun = self._line("hello"), self._line("hello back")
        asked = self._question(person, attribute), self._answer(person, attribute)
        return _talk("greeting", *begun, *asked, self._line("thanks"), self._line("welcome"))


def _parsed(lines: list[str]) -> list[Template]:
    return [parse(line) for line in lines]
