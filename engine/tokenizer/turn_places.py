"""Where in a rendered conversation each message stands, and what of it an assistant has to write itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.errors import CutawayError
from engine.tokenizer.guarded_text import Guard
from engine.tokenizer.special_text import Stretch

Write = Callable[[Sequence[dict[str, Any]], bool], str]
Place = tuple[int, int]
_TRIMMED: tuple[Callable[[str], str], ...] = (str, str.strip, str.lstrip, str.rstrip, lambda text: text.strip("\n"))


@dataclass(frozen=True)
class Places:
    """answers: what is learned, in order. turns: where the region of a message begins, in order, and which message.
    note: a sentence about answers that are not learned, or ""."""

    answers: tuple[Place, ...]
    turns: tuple[tuple[int, int], ...]
    note: str

    @property
    def borders(self) -> list[int]:
        """Where a token must be told from its neighbour."""
        return sorted({*(place for answer in self.answers for place in answer), *(start for start, _ in self.turns)})

    def learned(self, start: int, end: int) -> bool:
        """Whether a token there has a character of an answer, or stands without one inside of it."""
        return any(first < max(end, start + 1) and start < last for first, last in self.answers)

    def turn(self, start: int) -> int:
        index = bisect_right(self.turns, (start, len(self.turns))) - 1
        return self.turns[index][1] if index >= 0 else -1


def turn_places(
    guard: Guard, text: str, parts: Sequence[Stretch], write: Write, end_ids: frozenset[int], begin: int
) -> Places:
    """text: all of the conversation; parts: the same, cut. begin: where the border that begins it ends. Raises
    CutawayError where nothing can be learned safely."""
    ends = [part for part in parts if part.token_id in end_ids]
    roles = [message["role"] for message in guard.messages]
    asked = [index for index, role in enumerate(roles) if role == "assistant"]
    found = {index: place for index in asked if (place := _answer(index, guard, text, ends, write))}
    if asked and not found:
        raise _borderless()
    said = {**_said(guard, text, write), **found}
    turns = tuple(_regions(said, ends, begin, partial(_upto, guard, text, write)))
    return Places(tuple(found.values()), turns, _note(len(asked) - len(found), len(asked)))


def _note(left_out: int, asked: int) -> str:
    if not left_out:
        return ""
    return (
        f"{left_out} of {asked} answers are not learned: the template writes them otherwise once the conversation "
        "goes on."
    )


def _answer(index: int, guard: Guard, text: str, ends: Sequence[Stretch], write: Write) -> Place | None:
    """From where the turns before it and the beginning of an answer end, up to the token that ends it. None where the
    template writes the beginning of the conversation otherwise as long as it ends there: what a model would then have
    in view is not what stands in the text."""
    try:
        before, upto = write(guard.messages[:index], True), write(guard.messages[: index + 1], False)
    except CutawayError:
        return None
    end = next((part.end for part in ends if part.start >= len(before)), None)
    if end is None:
        raise _endless()
    return (len(before), end) if text.startswith(before) and upto.startswith(text[:end]) else None


def _said(guard: Guard, text: str, write: Write) -> dict[int, Place]:
    """Where the text of each message stands: told by the same conversation with a sign in place of each text."""
    contents = [str(message["content"]) for message in guard.messages]
    signed = [
        {**message, "content": guard.sign(index)} if contents[index].strip() else message
        for index, message in enumerate(guard.messages)
    ]
    try:
        frame = write(signed, False)
    except CutawayError:
        frame = ""
    return _walked(guard, contents, text, frame) or dict(_searched(contents, text))


def _walked(guard: Guard, contents: Sequence[str], text: str, frame: str) -> dict[int, Place]:
    """Empty where the template does not only trim the texts."""
    order = sorted((frame.find(guard.sign(index)), index) for index in range(len(contents)))
    found, position, behind = {}, 0, 0
    steps = [(place, index) for place, index in order if place >= 0]
    for step, (place, index) in enumerate(steps):
        position += place - behind
        behind = place + len(guard.sign(index))
        following = frame[behind : steps[step + 1][0] if step + 1 < len(steps) else len(frame)]
        for trim in _TRIMMED:
            said = trim(contents[index])
            if text.startswith(said + following, position):
                found[index] = (position, position + len(said))
                position += len(said)
                break
        else:
            return {}
    return found


def _searched(contents: Sequence[str], text: str) -> Iterator[tuple[int, Place]]:
    position = 0
    for index, content in enumerate(contents):
        said = content.strip()
        place = text.find(said, position)
        if said and place >= 0:
            position = place + len(said)
            yield index, (place, position)


def _regions(
    said: dict[int, Place], ends: Sequence[Stretch], begin: int, upto: Callable[[int], int | None]
) -> Iterator[tuple[int, int]]:
    """Between two messages the first token that ends a turn parts them, and where none does, the end of what the
    template writes for all up to the first of them; what it says of its own before any message belongs to none."""
    last: int | None = None
    for index, (start, end) in sorted(said.items()):
        between = [part.end for part in ends if (last or 0) <= part.start and part.end <= start]
        if last is None:
            yield max([begin, *between]), index
        elif between:
            yield between[0], index
        else:
            place = upto(index)
            yield place if place is not None and last <= place <= start else last, index
        last = end


def _upto(guard: Guard, text: str, write: Write, index: int) -> int | None:
    """Where the messages before `index` end; None where the template writes them otherwise when no more follow."""
    try:
        before = write(guard.messages[:index], False)
    except CutawayError:
        return None
    return len(before) if text.startswith(before) else None


def _endless() -> CutawayError:
    return CutawayError(
        "Nothing can be learned from what the chat template writes.",
        "It writes no special token behind an answer, so a model would never learn to end one.",
        "Choose a model whose template ends answers, or tune one without a template: it takes Cutaway's own.",
    )


def _borderless() -> CutawayError:
    return CutawayError(
        "Nothing can be learned from what the chat template writes.",
        "It writes no answer as it would ask for it: what stands before an answer is not what a model would be given.",
        "Choose a model with another template, or tune one without a template: it takes Cutaway's own.",
    )
