"""The corpus as an artifact: `documents.jsonl`, one {"text", "source"} a line, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.corpus.document import Document
from engine.errors import CutawayError
from engine.store.artifact import Artifact, open_artifact

DOCUMENTS = "documents.jsonl"


class CorpusWriter:
    """Writes documents into `folder` and counts them. bytes: of the texts alone, as UTF-8. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._stream: IO[bytes] = (folder / DOCUMENTS).open("wb")
        self.documents = 0
        self.bytes = 0

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, document: Document) -> None:
        line = json.dumps({"text": document.text, "source": document.source}, ensure_ascii=False)
        self._stream.write(line.encode() + b"\n")
        self.documents += 1
        self.bytes += len(document.text.encode())


def standing_corpus(folder: Path) -> Artifact | None:
    """The corpus that an earlier run left in `folder`; None when there is none, or a damaged one to be replaced."""
    if not folder.is_dir():
        return None
    try:
        return open_artifact(folder, "corpus")
    except CutawayError:
        return None


def iter_texts(artifact: Artifact) -> Iterator[str]:
    """The documents of a corpus in order, streamed."""
    for text, _ in iter_documents(artifact):
        yield text


def iter_documents(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Text and source of every document of a corpus in order, streamed."""
    with artifact.file(DOCUMENTS).open("rb") as stream:
        for line in stream:
            found = json.loads(line)
            yield found["text"], found["source"]
