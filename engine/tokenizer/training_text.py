"""The text that a tokenizer learns from: a corpus without what is held out, and not more of it than is useful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.corpus.split import document_place
from engine.corpus.stored import iter_documents
from engine.store.artifact import open_artifact
from engine.tokenizer.balancing import Groups, group_of, measure


@dataclass(frozen=True)
class TrainingText:
    """corpus: folder of the artifact, so that a child process can read it too.

    begin, end: documents whose place (see `document_place`) lies in begin <= place < end; held-out ones lie below
    begin, and end < 1 takes an even sample of a corpus that is larger than useful.
    cap: characters at the beginning of each document that count; 0: all. balance: 0 takes the corpus as it is, 1 gives
    every source and every script the same share; documents of small ones come several times, of large ones not all.
    """

    corpus: str
    begin: float = 0.0
    end: float = 1.0
    cap: int = 0
    balance: float = 0.0

    def __iter__(self) -> Iterator[str]:
        groups = measure(self._documents(), self.balance) if self.balance else None
        for text, source in self._documents():
            yield from [text] * (times(text, source, groups) if groups else 1)

    @property
    def documents(self) -> int:
        """About how many there are; 0 when that is not known."""
        counted = open_artifact(Path(self.corpus), "corpus").manifest.figures.get("documents", 0)
        return round(float(counted) * (self.end - self.begin))

    def _documents(self) -> Iterator[tuple[str, str]]:
        everything = self.begin <= 0.0 and self.end >= 1.0
        for text, source in iter_documents(open_artifact(Path(self.corpus), "corpus")):
            if everything or self.begin <= document_place(text) < self.end:
                yield (text[: self.cap] if self.cap else text), source


def times(text: str, source: str, groups: Groups) -> int:
    """How often a document comes: its group's weight, rounded up or down by the hash of its text."""
    weight = groups[group_of(text, source, groups)]
    return int(weight) + (document_place(f"balance {text}") < weight % 1)
