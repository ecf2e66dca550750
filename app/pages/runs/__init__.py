"""Runs: what ran, when, how it ended; to open, to go on with, or to delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Runs"
ICON = "ph.list-bullets"
ORDER = 110
# Of `app.preview`, beside those of the canned runs.
PREVIEWS = {"tuning-done": "first-assistant:done"}
STAGES: tuple[str, ...] = ()
SHORTCUT = ""
INSPECTOR_OPEN = False


def build(desk: Desk) -> PageWidget:
    from app.pages.runs.page import RunsPage

    return RunsPage(desk)
