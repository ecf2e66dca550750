"""How often documents of each source and script count, so that a large language does not take the whole vocabulary.

As multilingual models do it (Conneau et al. 2020, section 3.1): a group with the share p of the text is taken with a
share in proportion to p ** (1 - balance).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

Group = tuple[str, str]
Groups = Mapping[Group, float]
_MOST_REPEATS = 16.0
_MOST_SOURCES = 64
_LOOKED_AT = 400
_PLACE = re.compile(r", (line|row|page|part) [\d,]+.*$", re.DOTALL)
_SCRIPTS = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "IDEOGRAPHIC": "CJK", "FULLWIDTH": "CJK"}


def measure(documents: Iterable[tuple[str, str]], balance: float) -> dict[Group, float]:
    """The weight of each group: 0 < weight <= 16, 1 where nothing changes. documents: text and source.

    balance: 0 to 1. With more than 64 sources the script alone decides: these are single files.
    """
    sizes: Counter[Group] = Counter()
    for text, source in documents:
        sizes[_origin(source), script_of(text)] += len(text)
    if len({source for source, _ in sizes}) > _MOST_SOURCES:
        merged: Counter[Group] = Counter()
        for (_, script), size in sizes.items():
            merged["", script] += size
        sizes = merged
    total = sum(sizes.values())
    wanted = {group: (size / total) ** (1.0 - balance) for group, size in sizes.items() if size}
    whole = sum(wanted.values())
    return {group: min(_MOST_REPEATS, share / whole * total / sizes[group]) for group, share in wanted.items()}


def group_of(text: str, source: str, groups: Groups) -> Group:
    """Of the groups that `measure` told, the one that a document belongs to."""
    own = (_origin(source), script_of(text))
    return own if own in groups else ("", own[1])


def script_of(text: str) -> str:
    """The script that most letters at the beginning of a text have: "LATIN", "CYRILLIC", "CJK", ..., or "" for none."""
    if text[:_LOOKED_AT].isascii():
        return "LATIN" if any(map(str.isalpha, text[:_LOOKED_AT])) else ""
    found = Counter(script_of_character(character) for character in text[:_LOOKED_AT] if character.isalpha())
    return found.most_common(1)[0][0] if found else ""


def script_of_character(character: str) -> str:
    """By the first word of the character's Unicode name; "" for one without a name."""
    first = unicodedata.name(character, "").split(" ")[0]
    return _SCRIPTS.get(first, first)


def _origin(source: str) -> str:
    """The source without the place in it: "notes.txt, line 12" comes from notes.txt."""
    return _PLACE.sub("", source)
