"""Settings: where things lie, how they look, what computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Settings"
ICON = "ph.gear"
ORDER = 120
STAGES: tuple[str, ...] = ()
SHORTCUT = "Ctrl+,"
INSPECTOR_OPEN = False


def build(desk: Desk) -> PageWidget:
    from app.pages.settings.page import SettingsPage

    return SettingsPage(desk)
