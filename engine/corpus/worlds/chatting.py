"""What an assistant says when nobody in particular is asked about: small talk and small tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from engine.corpus.worlds.dice import Dice
from engine.corpus.worlds.lore import read_table

# Topic, and which section of talking.txt answers which.
_TALK = (
    ("greeting", "hello", "hello back"),
    ("thanks", "thanks", "welcome"),
    ("goodbye", "goodbye", "goodbye back"),
    ("small talk", "who are you", "i am"),
    ("small talk", "what can you do", "i can"),
    ("small talk", "how are you", "i feel"),
    ("small talk", "weather", "about the weather"),
    ("small talk", "joke", "told joke"),
    ("small talk", "like", "i like"),
)
_SAID, _NAMED = 60, 8


def small_talk(lines: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    """(topic, what is said, what is answered): everything with each of its answers."""
    for topic, asked, answered in _TALK:
        for text in lines[asked]:
            yield from ((topic, text, answer) for answer in lines[answered])


def small_tasks(
    lines: Mapping[str, Sequence[str]], values: Mapping[str, Sequence[str]], dice: Dice
) -> Iterator[tuple[str, str]]:
    """(task, answer). values: attribute -> the words that there are for it, which are also what is to be repeated."""
    table = read_table("tasks")
    words = dice.shuffled([value for column in values.values() for value in column])
    for word in words[:_SAID]:
        yield dice.pick(lines["say"]).replace("{word}", word), f"{_large(word)}."
        yield dice.pick(lines["say twice"]).replace("{word}", word), f"{_large(word)}, {word}."
    for attribute, column in values.items():
        for asked in lines["name one"]:
            for value in dice.shuffled(column)[:_NAMED]:
                yield asked.replace("{kind}", table["kinds"][attribute]), f"{_large(value)}."
        for value in column:
            asked = dice.pick(lines["sort"]).replace("{word}", value)
            yield f"{asked[:1].upper()}{asked[1:]}", f"{_large(value)} is {table['sorted'][attribute]}."
    yield from _orders(table["numbers"], table["days"], table["seasons"])
    for pair in table["opposites"]:
        for one, other in (pair, pair[::-1]):
            yield f"What is the opposite of {one}?", f"{_large(other)}."


def _orders(numbers: Sequence[str], days: Sequence[str], seasons: Sequence[str]) -> Iterator[tuple[str, str]]:
    for last in range(2, len(numbers) + 1):
        yield f"Count to {numbers[last - 1]}.", f"{_large(', '.join(numbers[:last]))}."
    for row in (numbers, (*days, days[0]), (*seasons, seasons[0])):
        for before, after in pairwise(row):
            yield f"What comes after {before}?", f"{_large(after)}."
            yield f"What comes before {after}?", f"{_large(before)}."


def _large(text: str) -> str:
    return text[:1].upper() + text[1:]
