"""What the inspector can show of one thing. Plain data, so that any page can make it cheaply on every hover."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A small table. rows: as many cells as the header. picked: index of the row at hand, in accent; -1 for none.
    All columns but the first are numbers and stand right, unless `words`; then only the last one does."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    picked: int = -1
    words: bool = False


@dataclass(frozen=True)
class Inspection:
    """The three steps: one plain sentence, the formula, the numbers of this very thing.

    title: what is under the pointer; fixed: in the fixed-width font (a token).
    words: step 1. Text between backticks is set in the fixed-width font.
    formula, formula_words: step 2, in the markup of `app/widgets/formula.py`; several lines by a newline.
    subject: completes "This very ..." over step 3, for example "token", "batch", "tensor".
    rows: step 3, (key, value) or (key, value, role); role: "accent", "danger", "ok", "warning" or "fixed".
    table: step 3, above the rows. note: a caution with an icon. advice: "What to do".
    """

    title: str
    subtitle: str = ""
    words: str = ""
    formula: str = ""
    formula_words: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    table: Table | None = None
    note: str = ""
    subject: str = "thing"
    advice: str = ""
    fixed: bool = False
