"""Which text a model never learns from. The one place of this rule: the tokenizer and the shards both ask here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

Side = Literal["train", "validation"]


class Part(NamedTuple):
    """A document, or the first or last part of the one that the split cuts. ends: its document ends with it."""

    side: Side
    text: str
    ends: bool = True


def document_place(text: str) -> float:
    """0 <= place < 1, evenly spread, by sha256 of the text: the same on every machine, in any order, with any
    other documents around; equal documents always fall together."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]) / 2**64


def is_validation(text: str, share: float) -> bool:
    """Whether a document is held out. share: of the documents, 0 to 1; what a smaller share holds out, a larger
    one does too."""
    return document_place(text) < share


def split_by_document(texts: Iterable[str], share: float) -> Iterator[Part]:
    for text in texts:
        yield Part("validation" if is_validation(text, share) else "train", text)


def split_tail(texts: Callable[[], Iterable[str]], characters: int, share: float) -> Iterator[Part]:
    """The last `share` of all characters is held out, as nanoGPT does; at most one document is cut in two.

    characters: of all texts together.
    """
    left = int(characters * (1 - share))
    for text in texts():
        head, tail = text[:left], text[left:]
        left -= len(head)
        if head or not text:
            yield Part("train", head, ends=not tail)
        if tail:
            yield Part("validation", tail)
