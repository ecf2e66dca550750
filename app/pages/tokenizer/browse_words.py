"""Which tokens may be trouble, and what is said of one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from app.pages.tokenizer.browse_query import Vocabulary
from app.pages.tokenizer.browse_table import name_of
from app.pages.tokenizer.learned import Learned
from app.widgets.inspection import Inspection
from engine.tokenizer.browse import SPECIAL, Entry, never_used, rarely_used

RARE = 10


class Doubt(Enum):
    """The words are what the choice shows."""

    ALL = "All"
    UNUSED = "Never used"
    RARE = "Rare"
    LOST = "Unreachable"


DOUBTS = tuple(Doubt)


def doubtful(vocabulary: Vocabulary, doubt: Doubt) -> Sequence[Entry]:
    if doubt is Doubt.UNUSED:
        return never_used(vocabulary.entries)
    if doubt is Doubt.RARE:
        return rarely_used(vocabulary.entries, RARE)
    if doubt is Doubt.LOST:
        return [entry for entry in vocabulary.entries if entry.token_id in vocabulary.lost]
    return vocabulary.entries


def sentence(doubt: Doubt, found: int) -> str:
    """What the choice means; "" for all."""
    return {
        Doubt.ALL: "",
        Doubt.UNUSED: "In the vocabulary, but not in the corpus: a model never learns what they mean. Such a glitch "
        "token in a prompt makes it babble."
        if found
        else "Every token of text stands in the corpus: none of them is a glitch token.",
        Doubt.RARE: f"They stand in the corpus {RARE} times or less: too few for a model to know them well."
        if found
        else f"No token stands in the corpus {RARE} times or less.",
        Doubt.LOST: "Not even their own text becomes them: they were only a step on the way to a longer token."
        if found
        else "Every token is what its own text becomes.",
    }[doubt]


def inspection(vocabulary: Vocabulary, learned: Learned, entry: Entry) -> Inspection:
    rank, counted = learned.rank(entry.data), vocabulary.counted
    rows: list[tuple[str, ...]] = [("id", f"{entry.token_id:,}", "accent"), ("bytes", f"{entry.length:,}")]
    rows += (
        [("hex", entry.data[:8].hex(" ").upper() + (" …" if entry.length > 8 else ""), "fixed")] if entry.data else []
    )
    rows += [("script", entry.script)] if entry.script else []
    rows += [("learned as merge", f"{rank:,}")] if rank else []
    if counted is not None:
        count = counted.count(entry.token_id)
        rows.append(("in the corpus", f"{count:,}×", "text" if count > RARE else "warning"))
        if count:
            rows.append(("rank by use", f"{counted.rank(entry.token_id):,}"))
            rows.append(("of all tokens", f"{counted.share(entry.token_id):.4%}"))
    rare = entry.script != SPECIAL and entry.length > 1 and entry.count is not None and entry.count <= RARE
    return Inspection(
        title=name_of(entry),
        subtitle="one token of the vocabulary",
        fixed=True,
        words=_words(entry),
        formula=r"share = count / tokens" if entry.count else "",
        formula_words="How often it stands in the corpus, of all tokens there." if entry.count else "",
        rows=tuple(rows),
        note="It may be a glitch token: a model hardly ever sees it." if rare else "",
        subject="token",
    )


def _words(entry: Entry) -> str:
    if entry.script == SPECIAL:
        return "A special token. No text becomes it: only the program itself writes it, as between two documents."
    if entry.count is None:
        return "A run of bytes that the model receives as one number."
    if entry.count == 0:
        return (
            "Nothing in the corpus becomes this token, so its numbers in the model stay as random as they began."
            if entry.length > 1
            else "One byte. Texts that hold it can be written, and this corpus holds none."
        )
    return f"The model meets it {entry.count:,} times in one pass over the corpus, and learns what it means from these."
