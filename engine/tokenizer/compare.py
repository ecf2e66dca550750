"""What tokenizers make of the same text: how many tokens, what of it they cut alike, and which parts cost most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.tokenizer.balancing import script_of_character
from engine.tokenizer.tokenizer import Tokenizer, TokenSpan

Range = tuple[int, int]
_INDENTED = ("    ", "\t")


@dataclass(frozen=True)
class Measures:
    """Of a text, or a part of one. bytes: of its UTF-8. words: runs between white space,
    and in a part of a text runs of the same kind of characters."""

    tokens: int
    bytes: int
    characters: int
    words: int

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / self.tokens if self.tokens else 0.0

    @property
    def tokens_per_word(self) -> float:
        """NaN without words, as in a part that has none to itself."""
        return self.tokens / self.words if self.words else float("nan")

    def words_in(self, context: int) -> int:
        """How many words of such text a context of so many tokens holds."""
        return int(context / self.tokens * self.words) if self.tokens else 0

    def cost(self, price: float) -> float:
        """price: of a million tokens."""
        return self.tokens * price / 1e6


def measures(tokenizer: Tokenizer, text: str) -> Measures:
    return Measures(len(tokenizer.encode(text)), len(_bytes(text)), len(text), len(text.split()))


def by_part(text: str, spans: Sequence[TokenSpan]) -> dict[str, Measures]:
    """The text by what it is made of, the largest part first: "Latin", "Cyrillic", "CJK" and other scripts, "Digits",
    "Code" (lines that read like it), "Signs" and "Spaces". A token belongs to the part of its first character that is
    not white space. spans: of the text, as `Tokenizer.spans` gives them."""
    code = code_lines(text)
    tokens: Counter[str] = Counter()
    for span in spans:
        tokens[_part(text, span.start, span.end, code)] += 1
    sizes: dict[str, Counter[str]] = {"bytes": Counter(), "characters": Counter(), "words": Counter()}
    for start, end in _words(text):
        part = _part(text, start, end, code)
        sizes["bytes"][part] += len(_bytes(text[start:end]))
        sizes["characters"][part] += end - start
        sizes["words"][part] += not text[start:end].isspace()
    found = {
        part: Measures(tokens[part], *(sizes[what][part] for what in ("bytes", "characters", "words")))
        for part in tokens | sizes["bytes"]
    }
    return dict(sorted(found.items(), key=lambda item: -item[1].bytes))


def disagreements(cuts: Sequence[Sequence[TokenSpan]]) -> list[Range]:
    """Where not all cut alike: ranges of characters, in order, between borders that all of them have. Each range begins
    and ends where every tokenizer has a border, and at least one has another border inside. cuts: of the same text."""
    borders = [_borders(spans) for spans in cuts]
    if len(borders) < 2:
        return []
    common = sorted(set.intersection(*borders))
    inner = sorted(set.union(*borders) - set(common))
    found: list[Range] = []
    place = 0
    for start, end in pairwise(common):
        first = place
        while place < len(inner) and inner[place] < end:
            place += 1
        if place > first:
            found.append((start, end))
    return found


def joined(ranges: Sequence[Range]) -> list[Range]:
    """Ranges that touch as one, as they are painted."""
    found: list[Range] = []
    for start, end in ranges:
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def table(tokenizers: Mapping[str, Tokenizer], texts: Mapping[str, str]) -> dict[str, dict[str, Measures]]:
    """By the name of the tokenizer, then of the text."""
    return {name: {label: measures(one, text) for label, text in texts.items()} for name, one in tokenizers.items()}


def code_lines(text: str) -> list[bool]:
    """For each character whether its line reads like a program: many signs, and an end, indent or keyword of one."""
    found: list[bool] = []
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        signs = sum(not (character.isalnum() or character.isspace()) for character in bare)
        ends = bare.endswith((":", ";", "{", "}", ")", ","))
        begins = bare.startswith(("def ", "class ", "import ", "from ", "return", "for ", "if ", "while ", "#include"))
        indented = line.startswith(_INDENTED)
        code = bool(bare) and signs >= 2 and signs / len(bare) > 0.08 and (ends or indented or begins or "=" in bare)
        found += [code or (begins and (ends or indented))] * len(line)
    return found


def _part(text: str, start: int, end: int, code: Sequence[bool]) -> str:
    character = next((one for one in text[start:end] if not one.isspace()), " ")
    if start < end and code[start]:
        return "Code"
    if character.isspace():
        return "Spaces"
    if character.isdecimal():
        return "Digits"
    if not character.isalpha():
        return "Signs"
    script = script_of_character(character)
    return script if script == "CJK" else script.capitalize() or "Signs"


def _words(text: str) -> list[Range]:
    """Runs of characters that are all white space, all digits, all letters or all signs, within a line."""
    kinds = [character.isspace() * 3 or character.isdecimal() * 2 or character.isalpha() * 1 for character in text]
    edges = [at for at in range(1, len(text)) if kinds[at] != kinds[at - 1] or text[at - 1] == "\n"]
    return list(pairwise([0, *edges, len(text)])) if text else []


def _borders(spans: Sequence[TokenSpan]) -> set[int]:
    """Where a token ends and no other goes on; a character split over several tokens has none inside."""
    inner = {span.end for span, following in pairwise(spans) if following.start >= span.end}
    return {0, *inner, *(span.end for span in spans[-1:])}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
