"""Home: a recipe as a road that lights up, and what became of the runs before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Home"
ICON = "ph.house"
ORDER = 10
PREVIEWS = {
    "assistant": "first-assistant:running",
    "assistant-done": "first-assistant:done",
    "assistant-before": "empty",
}
STAGES = ("world", "corpus", "train_tokenizer", "tokenize", "pretrain")
SHORTCUT = "Ctrl+1"
INSPECTOR_OPEN = False


def build(desk: Desk) -> PageWidget:
    from app.pages.home.page import HomePage

    return HomePage(desk)


def rehearse(page: PageWidget, state: str) -> None:
    from app.pages.home.rehearsal import rehearse

    rehearse(page, state)
