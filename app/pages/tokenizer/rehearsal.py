"""For pictures only: a sentence was typed, and the pointer rests on one of its tokens."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from app.pages._page import PageWidget
from app.pages.tokenizer.page import TokenizerPage

_TYPED = "Mira lives in a small house by the harbour, and every morning she eats strawberry bread."


def rehearse(page: PageWidget, state: str) -> None:
    """Called by `app.preview` once the page has settled: picks the longest token of the sentence."""
    if not isinstance(page, TokenizerPage) or state == "empty":
        return
    page.text.editor.take(_TYPED)
    page.read()
    block = page.text.own
    longest = max(range(len(block.view.tokens)), key=lambda index: len(block.chip(index).data))
    block.view.set_current(longest)
    page.pick(block, longest)
    page.replay.slider.set_number(len(page.replay.steps) - 2)
    QTimer.singleShot(0, page, lambda: page.point_at(block, longest))  # once the text has found its place
