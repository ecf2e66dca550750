"""What the inspector says of a token: read or trained, and why."""

from __future__ import annotations

from app.pages.finetune.mask_shown import FRAME, Masked
from app.widgets.inspection import Inspection
from app.widgets.token_view_words import visible
from engine.tokenizer.tokenizer import Tokenizer

FORMULA = r"L = -\frac{1}{|M|} \sum_{t \in M} \ln p(x_t | x_{<t})"
FORMULA_WORDS = "M are the trained tokens. Every other token is read as a condition, and its own loss counts nothing."
_WHY_NOT = {
    "system": "The system's words are a condition: the model reads them, and is not taught to say them.",
    "user": "A person said this. The model reads it, and is not taught to say it.",
    "tool": "A tool gave this back. It is never trained on, or the model would learn to make up what tools say.",
    "assistant": "The template writes this, not the model: when it answers, the mark is already there.",
    FRAME: "This belongs to the template's frame: it is always there, so there is nothing to learn about it.",
}


def of_token(tokenizer: Tokenizer, masked: Masked, at: int) -> Inspection:
    """The three steps for token `at`."""
    chip, turn = masked.chip(tokenizer, at), masked.turns[at]
    role, trained = masked.role(turn), masked.mask[at] and at < masked.limit
    place = f"turn {turn + 1} of {len(masked.conversation.messages)}, {role}" if turn >= 0 else "the template's frame"
    before = visible(*_seen(tokenizer, masked.ids[at - 1])) if at else "nothing"
    weight = f"1 / {masked.trained:,}" if trained else "0"
    rows: tuple[tuple[str, ...], ...] = (
        ("id", f"{chip.token_id:,}", "accent"),
        ("bytes", chip.data.hex(" ").upper() if len(chip.data) <= 8 else f"{len(chip.data)}", "fixed")
        if chip.data
        else ("bytes", "none, it is special"),
        ("place", f"{at + 1:,} of {len(masked.ids):,}"),
        ("turn", place),
        ("predicted after", before, "fixed"),
        ("trained", "yes" if trained else "no", "accent" if trained else "text"),
        ("weight in its loss", weight),
    )
    return Inspection(
        title=visible(chip.text, chip.data),
        subtitle="trained" if trained else "only read",
        fixed=True,
        words=why(masked, at, special=chip.special),
        formula=FORMULA,
        formula_words=FORMULA_WORDS,
        rows=rows,
        subject="token",
    )


def why(masked: Masked, at: int, *, special: bool) -> str:
    """Why it is trained, or is not."""
    role = masked.role(masked.turns[at])
    if at >= masked.limit:
        return f"It stands behind the context of {masked.limit:,} tokens: the model never sees it."
    if not masked.mask[at]:
        return "One mark begins every text, exactly once." if at == 0 and special else _WHY_NOT.get(role, "")
    if special:
        return "The end of an answer is trained in every turn: that is how the model learns to stop."
    return "The assistant says this: the model is trained to predict it from all that stands before it."


def _seen(tokenizer: Tokenizer, token_id: int) -> tuple[str, bytes]:
    return tokenizer.token_text(token_id), tokenizer.token_bytes(token_id)
