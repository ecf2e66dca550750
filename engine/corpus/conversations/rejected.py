"""A row of a file that is no conversation to learn from, and why."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_CHARACTERS = 200
_REASON_CHARACTERS = 400


@dataclass(frozen=True)
class Rejected:
    """source: "file:line". reason: a sentence. text: the first 200 characters of what stands there. Whatever a file
    held, all three are short and can be written as UTF-8."""

    source: str
    reason: str
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", shown(self.reason, _REASON_CHARACTERS))
        object.__setattr__(self, "text", shown(self.text))

    def to_json(self) -> dict[str, str]:
        return {"source": self.source, "reason": self.reason, "text": self.text}


def shown(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """The beginning, which can be written as UTF-8 whatever it was."""
    return text[:characters].encode("utf-8", "replace").decode()
