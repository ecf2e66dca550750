"""One text cut by several tokenizers: their tokens, and those where they do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.pages.tokenizer.view import Chosen
from app.widgets.token_view_colour import TokenChip
from engine.tokenizer.compare import Measures, Range, disagreements, joined
from engine.tokenizer.tokenizer import TokenSpan, clean

MOST = 4
MOST_CHARACTERS = 4_000


@dataclass(frozen=True)
class Side:
    """What one of them makes of the text. marked: tokens that touch a place where not all cut alike."""

    chosen: Chosen
    spans: tuple[TokenSpan, ...]
    marked: frozenset[int]
    measures: Measures

    def chips(self) -> list[TokenChip]:
        tokenizer = self.chosen.tokenizer
        return [TokenChip(tokenizer.token_text(span.token_id), span.token_id, span.data) for span in self.spans]


@dataclass(frozen=True)
class Comparison:
    """ranges: of characters where they disagree, those that touch as one."""

    text: str
    sides: tuple[Side, ...]
    ranges: tuple[Range, ...]

    def words(self) -> str:
        count = len(self.ranges)
        if len(self.sides) < 2:
            return ""
        return (
            "all cut alike"
            if not count
            else f"{count} span{'s' if count > 1 else ''} disagree{'' if count > 1 else 's'}"
        )


def compare(chosen: Sequence[Chosen], text: str) -> Comparison:
    """text: at most MOST_CHARACTERS, so that nobody waits; the rest is left out."""
    text = clean(text[:MOST_CHARACTERS])
    cuts = [one.tokenizer.spans(text) for one in chosen]
    ranges = joined(disagreements(cuts))
    size, words = len(text.encode()), len(text.split())
    sides = [
        Side(one, tuple(spans), _within(spans, ranges), Measures(len(spans), size, len(text), words))
        for one, spans in zip(chosen, cuts, strict=True)
    ]
    return Comparison(text, tuple(sides), tuple(ranges))


def _within(spans: Sequence[TokenSpan], ranges: Sequence[Range]) -> frozenset[int]:
    """Both are in order, so one look at each is enough."""
    found, place = set(), 0
    for index, span in enumerate(spans):
        while place < len(ranges) and ranges[place][1] <= span.start:
            place += 1
        if place < len(ranges) and ranges[place][0] < span.end:
            found.add(index)
    return frozenset(found)
