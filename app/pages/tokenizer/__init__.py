"""Tokenizer: text as the model receives it, in numbered pieces, and how each piece was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Tokenizer"
ICON = "own.tokens"
ORDER = 30
STAGES = ("train_tokenizer", "tokenize")
SHORTCUT = "Ctrl+3"
PREVIEWS = {"compare": "running", "browse": "running", "train": "running", "templates": "running", "lesson": "running"}


def build(desk: Desk) -> PageWidget:
    from app.pages.tokenizer.page import TokenizerPage

    return TokenizerPage(desk)


def rehearse(page: PageWidget, state: str) -> None:
    from app.pages.tokenizer.rehearsal import rehearse

    rehearse(page, state)
