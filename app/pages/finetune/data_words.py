"""What the source panel says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.pages.finetune.data_reading import Look
from app.pages.finetune.data_source import FILES, FORMATS, OWN, WORLD

_MOST_NAMES = 4


def counted(number: int, noun: str) -> str:
    """ "1 row", "1,204 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def compact(number: int) -> str:
    """Exact below ten thousand, then in thousands and millions."""
    for size, sign in ((10**6, "m"), (10**3, "k")):
        if number >= max(size, 10_000):
            return f"{number / size:.1f}{sign}"
    return f"{number:,}"


def shortened(source: str, most: int = 34) -> str:
    """The beginning goes, the line number stays."""
    return source if len(source) <= most else f"…{source[1 - most :]}"


def source_words(source: int, people: int | None, paths: Sequence[Path]) -> tuple[str, str]:
    """A sentence, and a muted one below it."""
    if source == WORLD:
        if people is None:
            return "Questions and answers about half of a world's people, to learn how to answer.", ""
        who = f"its {people:,} people" if people else "its people"
        return (
            f"Questions and answers about half of {who}, with greetings, instructions and small tasks. Nobody of the "
            "other half is named in them: their questions measure what the model knows.",
            "",
        )
    if source == FILES:
        names = ", ".join(path.name for path in paths[:_MOST_NAMES])
        more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
        return (f"From {names}{more}" if paths else "From files of your own.", "")
    return (
        "Written here, and kept in the workspace as OpenAI messages. A run trains on those that are complete.",
        "",
    )


def share_names(source: int) -> dict[str, str]:
    return {
        "train": "to train on",
        "held_out": "questions held out" if source == WORLD else "held out",
        "duplicates": "the same again",
        "rejected": "not complete yet" if source == OWN else "rows not taken",
    }


def format_words(look: Look) -> str:
    """What the files were taken for, and why."""
    if look.form == "world":
        return look.reason
    names = " and ".join(FORMATS.get(name, name) for name in look.form.split(", "))
    return f"Taken for {names}. {look.reason}"
