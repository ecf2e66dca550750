"""How the page stands in a preview: the step that tells most about the state."""

from __future__ import annotations

from app.pages._page import PageWidget
from app.pages.finetune.header import COMPARE, DATA, RUN
from app.pages.finetune.page import FinetunePage


def rehearse(page: PageWidget, state: str) -> None:
    """Nothing else ever calls this."""
    assert isinstance(page, FinetunePage)
    page.data_view.rehearse(state)
    page.show_step({"empty": DATA, "done": COMPARE}.get(state, RUN))
