"""What the inspector says of the parts that conversations fall into."""

from __future__ import annotations

from app.widgets.inspection import Inspection

_WORDS = {
    "train": (
        "Trained on",
        "The model sees these again and again, and is corrected wherever the assistant speaks in them.",
    ),
    "held_out": (
        "Held out",
        "Never trained on. They are asked at every look, so that one sees what was understood and what was only "
        "learned by heart.",
    ),
    "duplicates": (
        "The same again",
        "The same question with the same answer stood before, or is held out. Each is kept once: what stands on both "
        "sides would measure memory, not understanding.",
    ),
    "rejected": (
        "Not taken",
        "These rows are no conversations to learn from. Nothing is mended or guessed: each is listed with its line and "
        "the reason.",
    ),
    "drafts": (
        "Not complete yet",
        "Something is missing or out of order in these. They are kept as they are, and a run leaves them out.",
    ),
}


def of_share(kind: str, name: str, count: int, total: int) -> Inspection:
    """kind: of a part of the band. total: of everything that was read."""
    title, words = _WORDS[kind]
    return Inspection(
        title=title,
        subtitle=name,
        words=words,
        rows=(("conversations", f"{count:,}", "accent"), ("of all that was read", f"{count / max(total, 1):.1%}")),
        subject="part",
    )
