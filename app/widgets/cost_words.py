"""How what a recipe will cost is said, the same everywhere: from the one forecast of the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.jobs.run_summary import size_words
from app.widgets.timeline import clock
from engine.launch.forecast import StageForecast, forecast
from engine.launch.recipe import load_recipe
from engine.store.workspace import Workspace

FIRST = "first-words"
_UNITS = (("second", 1, 90), ("minute", 60, 100), ("hour", 3600, 48), ("day", 86400, math.inf))


def cost_words(stages: Sequence[StageForecast]) -> str:
    """ "about 3:10 · 700 MB memory · 92 MB disk": all stages together, as they stand beside Start."""
    memory = size_words(round(max(stage.memory_bytes for stage in stages)))
    disk = size_words(round(sum(stage.disk_bytes for stage in stages)))
    return f"about {clock(sum(stage.seconds for stage in stages))} · {memory} memory · {disk} disk"


def about_words(seconds: float) -> str:
    """A duration in words: "3 minutes", "2 hours"."""
    for unit, size, limit in _UNITS:
        if seconds < size * limit:
            count = max(round(seconds / size), 1)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("every duration is below infinity")


def first_words_time(workspace: Workspace) -> str:
    """ "3 minutes": what the first recipe takes on this computer."""
    return about_words(sum(stage.seconds for stage in forecast(load_recipe(FIRST), workspace)))
