"""Fine-tune: a base model that continues text becomes an assistant that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.pages._page import PageWidget

TITLE = "Fine-tune"
ICON = "ph.sliders-horizontal"
ORDER = 70
STAGES = ("conversations", "sft")
SHORTCUT = "Ctrl+7"
CANNED = "first-assistant"
# Of `app.preview`, beside those of the canned runs.
PREVIEWS = {
    "data": "empty",
    "template": "empty",
    "setup": "empty",
    "lora": "empty",
    "curves": "done",
    "answers": "running",
    "nothing": "first-words:empty",
}


def build(desk: Desk) -> PageWidget:
    from app.pages.finetune.page import FinetunePage

    return FinetunePage(desk)


def rehearse(page: PageWidget, state: str) -> None:
    from app.pages.finetune.rehearsal import rehearse

    rehearse(page, state)
