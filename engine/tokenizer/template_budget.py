"""What a chat template may use up while it writes one conversation."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

TURNS = 200_000
CHARACTERS = 4_000_000
SECONDS = 2.0
_LARGEST_NUMBER = 2**256
_LARGEST_POWER = 256
_WIDTH = re.compile(r"\d{4,}|%[^a-zA-Z%]*\*|\{[^{}]*\{")
_LOOK_EVERY = 64
_PART = 16  # characters that a thing in a list counts for, beside its own


class OverBudgetError(Exception):
    """Its text is a sentence for a person."""


class Meter:
    """Counts turns of loops and calls, characters that are written, and the size of all that is made on the way.

    Every step that could make much out of little is judged before it is taken; the others at most double what is there
    and are judged after. Whatever holds values is measured as if it were written out, so that a small net of
    references cannot become a large text. given: characters of the conversation, which may be long itself.
    """

    def __init__(self, given: int = 0) -> None:
        self._turns = TURNS + 4 * given
        self._written = CHARACTERS + 8 * given
        self._largest = CHARACTERS + 8 * given
        self._made = 16 * (CHARACTERS + 8 * given)
        self._seconds = SECONDS + given / CHARACTERS
        self._until = time.thread_time() + self._seconds

    def turn(self) -> None:
        """One turn of a loop, one call, or one piece of text."""
        self._turns -= 1
        if self._turns < 0:
            raise OverBudgetError(f"It goes around more than {TURNS:,} times")
        if self._turns % _LOOK_EVERY == 0 and time.thread_time() > self._until:
            raise OverBudgetError(f"It computes for more than {self._seconds:.0f} seconds")

    def turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.turn()
            yield item

    def written(self, value: Any) -> str:
        """The value as the template writes it."""
        self.turn()
        self.held(value)
        text = str(value)
        self._written -= len(text)
        if self._written < 0:
            raise OverBudgetError(f"It writes more than {CHARACTERS:,} characters")
        return text

    def held(self, value: Any) -> int:
        """The size of a value as if it were written out: its characters, and some for each thing that it holds."""
        if isinstance(value, (str, bytes)):
            return len(value)
        size, open_values = 0, [value]
        while open_values:
            one = open_values.pop()
            if isinstance(one, (str, bytes)):
                size += len(one)
            elif isinstance(one, int) and abs(one) > _LARGEST_NUMBER:
                raise OverBudgetError("It computes with numbers of more than 77 digits")
            else:
                parts = _parts(one)
                size += 1 + _PART * len(parts)
                open_values += parts
            if size > self._largest:
                raise OverBudgetError(f"It makes a value of more than {CHARACTERS:,} characters")
        return size

    def made(self, value: Any) -> Any:
        """Counts a new value; one that is made step by step is counted so."""
        self.turn()
        if isinstance(value, Iterator):
            return self.turns(value)
        self._made -= self.held(value)
        if self._made < 0:
            raise OverBudgetError(f"It makes values of more than {16 * CHARACTERS:,} characters in all")
        return value

    def before(self, operator: str, left: Any, right: Any) -> None:
        """Before left and right are multiplied, raised to a power, or put into a form."""
        if operator == "*":
            for times, text in ((left, right), (right, left)):
                if isinstance(times, int) and isinstance(text, (str, bytes, list, tuple)):
                    self.fits(times * max(1, self.held(text)))
        elif operator == "**" and isinstance(right, (int, float)) and abs(right) > _LARGEST_POWER:
            raise OverBudgetError(f"It raises a number to a power above {_LARGEST_POWER}")
        elif operator == "%" and isinstance(left, (str, bytes)):
            self.form(left, right)

    def form(self, form: str | bytes, values: Any = ()) -> None:
        """Before values are put into a form such as "%5d": its widths are small, and written in it."""
        text = form if isinstance(form, str) else form.decode("latin-1")
        if _WIDTH.search(text):
            raise OverBudgetError("It asks for a text of more than a thousand characters' width")
        self.fits(len(text) + (text.count("%") + text.count("{")) * self.held(values))

    def fits(self, characters: int) -> None:
        """Before so many characters are made in one step."""
        if characters > self._largest:
            raise OverBudgetError(f"It makes a text of more than {CHARACTERS:,} characters")

    def joined(self, items: Iterable[Any], between: str | bytes) -> list[Any]:
        """The items that are to be joined, which then fit."""
        found, size = [], 0
        for item in self.turns(items):
            found.append(item)
            size += self.held(item) + len(between)
            self.fits(size)
        return found

    def replaced(self, text: str | bytes, old: Any, new: Any) -> None:
        """Before each `old` in a text is replaced."""
        if isinstance(text, type(old)) and isinstance(new, (str, bytes)):
            self.fits(len(text) + text.count(old) * len(new))


def _parts(value: Any) -> list[Any]:
    """What a value is written with."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return []


# Of the template that is being rendered on this thread.
METER: ContextVar[Meter] = ContextVar("meter")
