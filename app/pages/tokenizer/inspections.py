"""What the card and the inspector say of one token."""

from __future__ import annotations

from app.pages.tokenizer.learned import Learned
from app.pages.tokenizer.token_card import CardText
from app.widgets.inspection import Inspection, Table
from app.widgets.token_view_colour import TokenChip
from app.widgets.token_view_words import visible

FORMULA = r"next merge = \text{arg min} rank(a, b)"
FORMULA_WORDS = "Of all neighbouring pairs, join the one that was learned first. Repeat until no pair is known."
_KINDS = {"byte": "one byte", "character": "one letter", "bpe": "a first byte"}


def card(learned: Learned, chip: TokenChip, more: tuple[tuple[str, str], ...] = ()) -> CardText:
    """more: what is known of its use."""
    rank = learned.rank(chip.data)
    made = ("learned as merge", f"{rank:,}") if rank else ("kind", _KINDS.get(learned.tokenizer.kind, "a first piece"))
    return CardText(visible(chip.text, chip.data), chip.token_id, chip.data, made, more)


def of_token(learned: Learned, chip: TokenChip) -> Inspection:
    """The three steps for the token under the pointer."""
    merging = bool(learned.ranks)
    rank = learned.rank(chip.data)
    rows: list[tuple[str, ...]] = [("id", f"{chip.token_id:,}", "accent"), ("bytes", f"{len(chip.data):,}")]
    rows += [("learned as merge", f"{rank:,}")] if rank else []
    return Inspection(
        title=visible(chip.text, chip.data),
        subtitle="one token, under the pointer",
        fixed=True,
        words=_words(learned, chip),
        formula=FORMULA if merging else "",
        formula_words=FORMULA_WORDS if merging else "",
        table=_table(learned, chip),
        rows=(*rows, ("hash of this tokenizer", learned.tokenizer.hash[:8], "fixed")),
        subject="token",
    )


def _words(learned: Learned, chip: TokenChip) -> str:
    if "\ufffd" in chip.text and chip.data != "\ufffd".encode():
        return (
            "Only a part of a character: its bytes are spread over several tokens, because the tokenizer met it too "
            "rarely to learn it whole. The model must put them together itself."
        )
    if learned.tokenizer.kind == "byte":
        return "One byte of the text. There are 256 of them, so any text can be written, but it becomes long."
    name = visible(chip.text, chip.data)
    if len(chip.data) == 1 or learned.rank(chip.data) is None:
        return (
            f"The model gets one number for `{name}`. It was there from the beginning: nothing was joined to make it."
        )
    return (
        f"The model gets one number for `{name}`. The letters are not in that number: it can only know them from text "
        "that talks about spelling."
    )


def _table(learned: Learned, chip: TokenChip) -> Table | None:
    rows = []
    for step in learned.steps(chip.token_id):
        left, right = chip.data[step.start : step.middle], chip.data[step.middle : step.end]
        rows.append((f"{step.rank + 1:,}", _shown(left), _shown(right), _shown(left + right)))
    return Table(("rank", "left", "right", "gives"), tuple(rows), words=True) if rows else None


def _shown(data: bytes) -> str:
    return visible(data.decode("utf-8", errors="replace"), data)
