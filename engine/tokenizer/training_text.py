"""The text that a tokenizer learns from: a corpus without what is held out, and not more of it than is useful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.corpus.split import document_place
from engine.corpus.stored import iter_texts
from engine.store.artifact import open_artifact


@dataclass(frozen=True)
class TrainingText:
    """corpus: folder of the artifact, so that a child process can read it too.

    begin, end: documents whose place (see `document_place`) lies in begin <= place < end; held-out ones lie below
    begin, and end < 1 takes an even sample of a corpus that is larger than useful.
    """

    corpus: str
    begin: float = 0.0
    end: float = 1.0

    def __iter__(self) -> Iterator[str]:
        for text in iter_texts(open_artifact(Path(self.corpus), "corpus")):
            if self.begin <= document_place(text) < self.end:
                yield text
