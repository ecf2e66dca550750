"""Every value that a run came to, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.launch.recipe import Recipe, load_recipe, preset_names

ORIGIN_WORDS = {
    "preset": "from the recipe’s preset",
    "derived": "derived from the other values",
    "default": "the usual value",
    "yours": "set by you",
}


def effective_values(plan: dict[str, Any], recipe: Recipe | None, stage: str) -> Iterator[tuple[str, Any, str]]:
    """(name, value, origin) of everything that was settled. origin: a key of ORIGIN_WORDS; a value that was set is
    "yours" unless the preset of the recipe's name has the same."""
    given = _preset_values(recipe, stage)
    for table in ("model", "training"):
        for name, value in plan[table].items():
            origin = plan["origins"].get(name, "derived")
            if origin == "preset" and given.get(name, None) != value:
                origin = "yours"
            yield name, value, origin


def _preset_values(recipe: Recipe | None, stage: str) -> dict[str, Any]:
    if recipe is None or recipe.name not in preset_names():
        return {}
    preset = load_recipe(recipe.name)
    tables = [spec.config.model_dump(exclude_unset=True) for spec in preset.stages if spec.name == stage]
    return tables[0] if tables else {}


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
