"""Fuzzy search over the names of actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QAction


@dataclass(frozen=True)
class Found:
    """hits: places of the typed letters in the action's text."""

    action: QAction
    hits: tuple[int, ...]
    score: float


def plain_text(action: QAction) -> str:
    """Without the marks of mnemonics."""
    return action.text().replace("&&", "\0").replace("&", "").replace("\0", "&")


def search(query: str, actions: Iterable[QAction]) -> list[Found]:
    """Those whose text holds the letters of `query` in order, best first. An empty query finds all, in their order.

    Letters at the beginning of words and letters in a row count more; a short name wins over a long one.
    """
    wanted = query.lower().replace(" ", "")
    found = []
    for action in actions:
        hits = _match(wanted, plain_text(action).lower())
        if hits is not None:
            found.append(Found(action, hits, _score(hits, plain_text(action).lower())))
    return sorted(found, key=lambda item: -item.score) if wanted else found


def _match(wanted: str, text: str) -> tuple[int, ...] | None:
    """The best of the greedy matches that begin at each place of the first letter."""
    if not wanted:
        return ()
    best: tuple[int, ...] | None = None
    for start in (i for i, letter in enumerate(text) if letter == wanted[0]):
        hits = _from(start, wanted, text)
        if hits is not None and (best is None or _score(hits, text) > _score(best, text)):
            best = hits
    return best


def _from(start: int, wanted: str, text: str) -> tuple[int, ...] | None:
    hits, place = [start], start
    for letter in wanted[1:]:
        place = text.find(letter, place + 1)
        if place < 0:
            return None
        hits.append(place)
    return tuple(hits)


def _score(hits: tuple[int, ...], text: str) -> float:
    score = -len(text) / 100
    for index, hit in enumerate(hits):
        score += 1.0
        if hit == 0 or not text[hit - 1].isalnum():
            score += 2.0
        if index and hits[index - 1] == hit - 1:
            score += 1.5
    return score
