"""The one error that is meant for a person."""

from __future__ import annotations


class CutawayError(Exception):
    """Something that a person can act on, in three sentences.

    what: what happened, in words of the task ("The file notes.txt could not be read.").
    why: the cause ("It holds binary data, not text.").
    remedy: what to do now ("Choose a .txt, .md or .jsonl file.").
    details: optional technical text (a traceback), folded away in the window.
    """

    def __init__(self, what: str, why: str, remedy: str, details: str = "") -> None:
        super().__init__(what, why, remedy, details)
        self.what = what
        self.why = why
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.remedy}"
