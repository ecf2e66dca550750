"""For pictures only: the pointer rests on a token of the English example."""

from __future__ import annotations

from app.pages._page import PageWidget
from app.pages.tokenizer.page import TokenizerPage

_ROUGHLY = 0.4


def rehearse(page: PageWidget, state: str) -> None:
    """Called by `app.preview` once the page has settled: points at the longest token in the middle of the text."""
    if not isinstance(page, TokenizerPage) or state == "empty":
        return
    block = page.text.examples[0]
    count = len(block.view.tokens)
    middle = range(int(count * _ROUGHLY), count)
    longest = max(middle, key=lambda index: len(block.chip(index).data))
    block.view.set_current(longest)
    page.point_at(block, longest)
