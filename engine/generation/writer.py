"""From token ids to text that can be shown, and when a reply is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.generation.stopping import StopStrings
from engine.tokenizer.pieces import Utf8Joiner

if TYPE_CHECKING:
    from engine.tokenizer.tokenizer import Tokenizer


class Piece(NamedTuple):
    """data: the token's bytes. text: what is certain now, "" while a character or a stop string may be half there.
    finish: "" or why this token is the last: "end" (of the document), "stop" or "length"."""

    data: bytes
    text: str
    finish: str


class Writer:
    """Takes the tokens of one reply in order. ends: ids that end it, beside those that end any text."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = (), ends: Collection[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ends = tokenizer.end_ids.union(ends)
        self._joiner = Utf8Joiner()
        self._stops = StopStrings(stop)

    def write(self, token_id: int, *, last: bool) -> Piece:
        """last: no token will follow, whatever this one is."""
        ended = token_id in self._ends
        data = b"" if ended else self._tokenizer.token_bytes(token_id)
        text = self._joiner.feed(data)
        if ended or last:
            text += self._joiner.flush()
        text = self._stops.feed(text)
        if self._stops.found:
            return Piece(data, text, "stop")
        if ended or last:
            return Piece(data, text + self._stops.flush(), "end" if ended else "length")
        return Piece(data, text, "")
