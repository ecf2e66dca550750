"""How the page stands in a preview: the step that tells most about the state, or the one that is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop

from app.pages._page import PageWidget
from app.pages.finetune.header import COMPARE, DATA, RUN, TEMPLATE
from app.pages.finetune.page import FinetunePage

_STEPS = {"empty": DATA, "data": DATA, "template": TEMPLATE, "done": COMPARE, "answers": COMPARE}
_PATIENCE_SECONDS = 30.0
_EARLY_LOOK = 1


def rehearse(page: PageWidget, state: str) -> None:
    """Nothing else ever calls this."""
    assert isinstance(page, FinetunePage)
    page.show_step(_STEPS.get(state, RUN))
    if state == "template":
        _show_longest(page)
    elif state in ("data", "empty"):
        _wait(lambda: page.steps.data.look is not None)
    elif state == "lora":
        page.steps.setup.form.choose_method("lora")
    elif state == "answers":
        page.steps.compare.looks.slider.set_number(_EARLY_LOOK)


def _show_longest(page: FinetunePage) -> None:
    """The conversation of the most turns, when all are counted and packed."""
    view = page.steps.template
    _wait(lambda: 0 < len(view.conversations) == len(view.counted.lengths) and view.masked is not None)
    turns = [len(conversation.messages) for conversation in view.conversations]
    view.masked = None
    view.show_conversation(turns.index(max(turns)))
    _wait(lambda: view.masked is not None)


def _wait(ready: Callable[[], bool]) -> None:
    """The engine thread imports torch first."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not ready() and time.monotonic() < deadline:
        QEventLoop().processEvents()
        time.sleep(0.01)
