"""For pictures only: what the Playground card shows when a live model answers, as `app.canned` tells the run."""

from __future__ import annotations

from app.pages._page import PageWidget
from app.pages.home.live_guesses import Guesses
from app.pages.home.page import HomePage

_AT_STEP_348 = ((" Anvik", 0.41), (" Tarn", 0.17), (" Sölve", 0.12), (" a", 0.08), (" the", 0.05), (" Ulm", 0.04))
_AN_ANSWER = ((" The", 0.02), (" He", 0.008), (" She", 0.006), (" It", 0.004), (" A", 0.002))
_AT_THE_END = ((" Anvik", 0.97), (" Tarn", 0.01), (" Ulm", 0.004), (" a", 0.003), (" Sölve", 0.002), (" the", 0.001))


def rehearse(page: PageWidget, state: str) -> None:
    """Called by `app.preview` once the page has settled: no model runs in a preview."""
    if isinstance(page, HomePage) and state == "assistant-before":
        page.choose("first-assistant")
        return
    view = page.state.view if isinstance(page, HomePage) else None
    if view is None or not isinstance(page, HomePage) or state == "failed":
        return
    if state.startswith("assistant"):
        page.take_guesses(Guesses(view.prompt, _AN_ANSWER, 0.31, view.current.step))
        page.refresh()
        return
    candidates, entropy = (_AT_THE_END, 0.27) if state == "done" else (_AT_STEP_348, 2.96)
    page.take_guesses(Guesses(view.prompt, candidates, entropy, view.current.step))
    page.refresh()
