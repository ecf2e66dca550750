"""Whether a model fits this computer, asked before any of it is read."""

from __future__ import annotations

import psutil

from engine.errors import CutawayError
from engine.model.config import ModelConfig

_SHARE = 0.9


def refuse_too_large(name: str, config: ModelConfig) -> None:
    """Raises CutawayError when its weights in float32 are more than nine tenths of the memory that is free."""
    needed, free = 4 * config.parameters(), psutil.virtual_memory().available
    if needed > _SHARE * free:
        raise CutawayError(
            f"{name} does not fit into this computer's memory.",
            f"Its {config.parameters() / 1e9:,.1f} billion weights take {needed / 1e9:,.1f} GB in float32, "
            f"and {free / 1e9:,.1f} GB are free.",
            "Close other programs, or choose a smaller model.",
        )
