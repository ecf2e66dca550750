"""UTF-8 that arrives in pieces, joined properly."""

from __future__ import annotations

import codecs


class Utf8Joiner:
    """A token may end in the middle of a character: text comes out as soon as it is certain, never too early.

    Bytes that can become no character come out as U+FFFD.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> str:
        """The characters that are complete now; "" while one is only begun."""
        return self._decoder.decode(data)

    def flush(self) -> str:
        """What is left at the end: "" or U+FFFD for a character that was never finished. Begins anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
