"""What people said, so marked that none of it can be read as a special token once a template wrote it out.

A sign that no text of the conversation holds is put into every name of a special token, and where a text could become
one together with its neighbours. It goes again when the rendered text is cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.tokenizer.tokenizer import clean

# Noncharacters: Unicode promises that no text exchanged between programs needs them.
_SIGNS = tuple(map(chr, range(0xFDD0, 0xFDF0)))
_REASONING = ("reasoning_content", "thinking", "reasoning")
_KEYS = frozenset(("role", "content", "name", "tool_calls", "type", "function", "arguments", "id", *_REASONING))


class Guard:
    """messages: as templates read them, guarded. mark: the sign, one character."""

    def __init__(self, messages: Sequence[Message], names: tuple[str, ...]) -> None:
        """names: of all special tokens."""
        plain = [{key: value for key, value in one.to_json().items() if value is not None} for one in messages]
        try:
            whole = json.dumps(plain, ensure_ascii=False, default=_refuse)
        except ValueError as error:
            raise _unwritable(str(error)) from error
        free = [sign for sign in _SIGNS if sign not in whole]
        if len(free) < 2:
            raise _unwritable("It holds all of the characters that Unicode sets aside for programs")
        self.mark, self._other = free[:2]
        guard = _guarding(names, self.mark)
        self.messages = [_with_reasoning({**_each(one, guard), "role": one["role"]}) for one in plain]

    def bare(self, text: str) -> str:
        return text.replace(self.mark, "")

    def sign(self, index: int) -> str:
        """A text that stands nowhere else, in place of message `index`."""
        return f"{self._other}{index}{self._other}"

    def seen(self, text: str) -> str:
        """A rendered text in which the mark stands as itself, where a template wrote it as an escape."""
        return text.replace(f"\\u{ord(self.mark):04x}", self.mark)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(clean(value))
    if isinstance(value, dict):  # a call's arguments may have any names
        return {key if key in _KEYS else change(clean(str(key))): _each(part, change) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(part, change) for part in value]
    return value


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """What was thought goes by several names; templates ask for the first, or for the second."""
    thought = next((message[key] for key in _REASONING if key in message), None)
    return message if thought is None else {"thinking": thought, **message, "reasoning_content": thought}


@lru_cache(maxsize=32)
def _guarding(names: tuple[str, ...], mark: str) -> Callable[[str], str]:
    """Breaks every special name, and sets the mark where a text ends with the beginning of one, or begins with the end
    of one, inside of white space that a template may strip."""
    whole = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")
    longest = max(map(len, names), default=0)
    heads = {name[:size] for name in names for size in range(1, len(name))}
    tails = {name[size:] for name in names for size in range(1, len(name))}

    def guard(text: str) -> str:
        text = whole.sub(lambda match: match[0][0] + mark + match[0][1:], text)
        core = text.strip()
        before = mark if any(core[:size] in tails for size in range(1, longest)) else ""
        behind = mark if any(core[-size:] in heads for size in range(1, longest)) else ""
        return text.replace(core, before + core + behind, 1) if before or behind else text

    return guard


def _refuse(value: Any) -> Any:
    raise ValueError(f"It holds a {type(value).__name__}, which is no JSON")


def _unwritable(why: str) -> CutawayError:
    return CutawayError("The conversation cannot be written.", f"{why.rstrip('.')}.", "Take that out of it.")
