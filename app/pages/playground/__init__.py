"""Playground: talk to any checkpoint, or to the model that is learning right now, and look inside while it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Playground"
ICON = "ph.chat-teardrop-dots"
ORDER = 100
STAGES = ()
SHORTCUT = "Ctrl+0"
# Of `app.preview`, beside those of the canned runs.
PREVIEWS = {"chat": "done", "chat-long": "done", "chat-sent": "done", "chat-empty": "done"}


def build(desk: Desk) -> PageWidget:
    from app.pages.playground.page import PlaygroundPage

    return PlaygroundPage(desk)


def rehearse(page: PageWidget, state: str) -> None:
    from app.pages.playground.rehearsal import rehearse

    rehearse(page, state)
