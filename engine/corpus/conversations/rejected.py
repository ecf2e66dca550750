"""A row of a file that is no conversation to learn from, and why."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Rejected:
    """source: "file:line". reason: a sentence. text: the first 200 characters of what stands there."""

    source: str
    reason: str
    text: str = ""

    def to_json(self) -> dict[str, str]:
        return {"source": self.source, "reason": self.reason, "text": self.text}


def shown(text: str) -> str:
    """What fits into `text`, and can be written as UTF-8 whatever it was."""
    return text[:SHOWN_CHARACTERS].encode("utf-8", "replace").decode()
