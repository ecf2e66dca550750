"""What a Unigram model may learn from, and its pieces in an order that is the same every time."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.errors import CutawayError

# Spelled out, a byte's name such as <0x0A> must be text: with these as pieces it always is the likelier reading.
NEEDED = "<0123456789ABCDEFx>"
# SentencePiece's character_coverage for languages with large alphabets and small ones alike.
_COVERAGE = 0.9995
_SMALLEST = 257 + 2 * len(NEEDED)
_ROUNDED = 6
_APART = 1e-4


@dataclass(frozen=True)
class KnownCharacters:
    """characters: those that pieces are made of; all others are written in bytes."""

    characters: str

    def parts(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts, cut where a character stands that no piece may have."""
        others = re.compile(f"[^{re.escape(self.characters)}]+")
        for text in texts:
            yield from filter(None, others.split(text))


def choose(texts: Iterable[str], vocab_size: int) -> KnownCharacters:
    """The most frequent characters: 99.95% of the text, and at most half of what the bytes leave of the vocabulary.

    Raises CutawayError for a vocabulary that has no room for pieces.
    """
    if vocab_size < _SMALLEST:
        raise CutawayError(
            f"A Unigram tokenizer of {vocab_size:,} tokens is too small.",
            f"256 bytes, the end of a document and {len(NEEDED)} characters leave no room for pieces.",
            f"Give it {_SMALLEST:,} tokens or more, or choose the kind byte.",
        )
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    most, enough = (vocab_size - 257) // 2, _COVERAGE * counts.total()
    chosen, covered = set(NEEDED), 0
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(chosen) >= most or covered >= enough:
            break
        chosen.add(character)
        covered += count
    return KnownCharacters("".join(sorted(chosen)))


def steady(pieces: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """The likeliest first. The library adds up in an order that changes from run to run, and gives characters that it
    did not see scores in such an order: rounded, and all the same, they are equal every time."""
    found = {piece: round(score, _ROUNDED) for piece, score in pieces if math.isfinite(score)}
    lowest = min(found.values(), default=-1.0)
    for character in NEEDED:
        found.setdefault(character, lowest)
    unseen = lowest + _APART * sum(len(piece) == 1 for piece in found)
    flat = {piece: lowest if len(piece) == 1 and score <= unseen else score for piece, score in found.items()}
    return sorted(flat.items(), key=lambda item: (-item[1], item[0]))
