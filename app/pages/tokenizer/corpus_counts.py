"""How often a tokenizer's tokens stand in the corpus that it was used on, counted on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Ticket
from app.pages.tokenizer.browse_query import shards_of
from engine.tokenizer.frequencies import Frequencies, frequencies
from engine.tokenizer.tokenizer import Tokenizer


class CorpusCounts:
    """Knows nothing until the corpus is counted, nor where there is none that this tokenizer cut."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ticket: Ticket | None = None
        self._counted: Frequencies | None = None

    def use(self, tokenizer: Tokenizer) -> None:
        """Begins to count for another tokenizer."""
        self.stop()
        self._counted = None
        self._ticket = self._desk.engine.ask(lambda side: _counting(side, tokenizer), self._take)

    def stop(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def of(self, token_id: int) -> tuple[tuple[str, str], ...]:
        """What the card says of a token: its place by use, and how often the corpus has it."""
        if self._counted is None or not 0 <= token_id < len(self._counted.counts):
            return ()
        count = self._counted.count(token_id)
        rank = f"{self._counted.rank(token_id):,}" if count else "unused"
        return ("rank by use", rank), ("in corpus", f"{count:,}×")

    def _take(self, item: object) -> None:
        if isinstance(item, Frequencies):
            self._counted = item


def _counting(side: EngineSide, tokenizer: Tokenizer) -> Iterator[object]:
    from engine.batches.token_shards import TokenShards

    folder = shards_of(side.workspace, tokenizer)
    if folder is not None:
        yield from frequencies(TokenShards(folder))
