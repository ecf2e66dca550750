"""The vocabulary as a person looks through it: what a token is, which are never used, and which nothing leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, pre_tokenizers

from engine.errors import CutawayError
from engine.events import Tick
from engine.tokenizer.balancing import script_of_character
from engine.tokenizer.patterns import is_panic
from engine.tokenizer.tokenizer import Tokenizer

_CHUNK = 2_000
SPECIAL, BYTES, SPACES, DIGITS, SIGNS = "Special", "Bytes", "Spaces", "Digits", "Signs"


@dataclass(frozen=True, slots=True)
class Entry:
    """One token. text: as it is shown. script: "Latin", "CJK", ..., or "Special", "Bytes" (no whole characters),
    "Spaces", "Digits", "Signs"; "" for an id that stands for nothing. count: in the corpus, None if uncounted."""

    token_id: int
    data: bytes
    text: str
    script: str
    count: int | None = None

    @property
    def length(self) -> int:
        """In bytes."""
        return len(self.data)


def entries(tokenizer: Tokenizer, counts: Sequence[int] | Any | None = None) -> Iterator[Tick | list[Entry]]:
    """All tokens by id: Ticks, and at the end the list. counts: of each id, such as `Frequencies.counts`."""
    names = {token_id: name for name, token_id in tokenizer.special_ids.items()}
    known = None if counts is None else list(map(int, counts))
    found: list[Entry] = []
    for token_id in range(tokenizer.vocab_size):
        data = tokenizer.token_bytes(token_id)
        name = names.get(token_id)
        text = name if name is not None else data.decode("utf-8", "replace")
        script = SPECIAL if name is not None else script_of(data)
        found.append(Entry(token_id, data, text, script, known[token_id] if known and token_id < len(known) else None))
        if token_id % _CHUNK == 0:
            yield Tick()
    yield found


def script_of(data: bytes) -> str:
    """What a token is made of: the script of most of its letters."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return BYTES
    letters = [character for character in text if character.isalpha()]
    if letters:
        if text.isascii():
            return "Latin"
        script = Counter(map(script_of_character, letters)).most_common(1)[0][0]
        return script if script == "CJK" else script.capitalize()
    if not text:
        return ""
    if text.isspace():
        return SPACES
    return DIGITS if any(character.isdecimal() for character in text) else SIGNS


def search(tokens: Sequence[Entry], wanted: str, *, regex: bool = False) -> Iterator[Tick | list[Entry]]:
    """Those whose text holds `wanted`, large and small letters alike, or, where it is a regular expression, those in
    which it matches: Ticks, and at the end the list. A whole number finds the id as well.

    Raises CutawayError for what is no expression, and for one that looks for a match in too many ways.
    """
    found: list[Entry] = []
    matches = _matching(wanted) if regex else _holding(wanted)
    for number, entry in enumerate(tokens):
        if matches(entry):
            found.append(entry)
        if number % _CHUNK == 0:
            yield Tick()
    yield found


def never_used(tokens: Sequence[Entry]) -> list[Entry]:
    """Tokens of text that the corpus does not have: a model that learns from it never learns what they mean. Known as
    glitch tokens (Rumbelow and Watkins 2023). Special ones and single bytes, which are there in any case, do not count;
    empty where nothing was counted."""
    return [entry for entry in tokens if entry.count == 0 and _is_text(entry)]


def rarely_used(tokens: Sequence[Entry], most: int) -> list[Entry]:
    """Those that stand in the corpus, but no more than `most` times, the rarest first."""
    found = [entry for entry in tokens if entry.count is not None and 0 < entry.count <= most and _is_text(entry)]
    return sorted(found, key=lambda entry: (entry.count or 0, entry.token_id))


def unreachable(tokenizer: Tokenizer, tokens: Sequence[Entry]) -> Iterator[Tick | list[Entry]]:
    """Tokens of whole characters that not even their own text becomes: Ticks, and at the end the list."""
    found: list[Entry] = []
    for start in range(0, len(tokens), _CHUNK):
        part = [entry for entry in tokens[start : start + _CHUNK] if _is_text(entry) and "\ufffd" not in entry.text]
        ids = tokenizer.encode_batch([entry.text for entry in part])
        found += [entry for entry, own in zip(part, ids, strict=True) if entry.token_id not in own]
        yield Tick()
    yield found


def _is_text(entry: Entry) -> bool:
    return entry.script not in (SPECIAL, "") and len(entry.data) > 1


def _holding(wanted: str) -> Any:
    low = wanted.casefold()
    number = int(wanted) if wanted.strip().isdecimal() else -1
    return lambda entry: low in entry.text.casefold() or entry.token_id == number


def _matching(expression: str) -> Any:
    """By Oniguruma, which gives up on an expression that would take for ever."""
    try:
        split = pre_tokenizers.Split(Regex(expression), "removed")
    except Exception as error:  # the library raises Exception itself
        raise _astray(str(error)) from error

    def matches(entry: Entry) -> bool:
        try:
            left = split.pre_tokenize_str(entry.text)
        except BaseException as error:
            if not is_panic(error):
                raise
            raise _astray("It looks for a match in too many ways") from error
        return bool(entry.text) and [text for text, _ in left] != [entry.text]

    return matches


def _astray(why: str) -> CutawayError:
    return CutawayError(
        "This is no expression to search with.", f"{why.rstrip('.')}.", "Correct it, or search for text."
    )
