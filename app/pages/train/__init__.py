"""Train: the curve and what steers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Train"
ICON = "ph.chart-line"
ORDER = 50
# Of `app.preview`, beside those of the canned runs.
PREVIEWS = {"tuning": "first-assistant:running"}
STAGES = ("pretrain",)
SHORTCUT = "Ctrl+5"


def build(desk: Desk) -> PageWidget:
    from app.pages.train.page import TrainPage

    return TrainPage(desk)
