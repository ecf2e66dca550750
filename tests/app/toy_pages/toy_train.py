"""A page on the road: it drives the toy stage."""

from __future__ import annotations

from app.jobs.desk import Desk
from app.pages._page import PageWidget

TITLE = "Toy train"
ICON = "own.loss"
ORDER = 50
STAGES = ("counting",)
SHORTCUT = "Ctrl+5"


def build(desk: Desk) -> PageWidget:
    return PageWidget()
