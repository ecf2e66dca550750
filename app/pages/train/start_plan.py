"""What a recipe's pretraining would be, before Start. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.widgets.cost_words import cost_words
from engine.launch.forecast import StageForecast, forecast
from engine.launch.recipe import Recipe, load_recipe
from engine.stages import pretrain
from engine.store.workspace import Workspace
from engine.training.plan import Plan

_CHARACTERS_GUESSED = 100


@dataclass(frozen=True)
class Outlook:
    """stages: what each will cost. measured: whether this computer's speed is known or guessed."""

    recipe: Recipe
    plan: Plan
    stages: tuple[StageForecast, ...]

    @property
    def measured(self) -> bool:
        return all(stage.measured for stage in self.stages)

    def values(self) -> dict[str, Any]:
        """Every number that the settings come to."""
        return {
            **self.plan.training.model_dump(),
            **self.plan.model.model_dump(),
            "batch_tokens": self.plan.batch_tokens,
        }

    def words(self) -> str:
        """What stands beside Start."""
        return cost_words(self.stages) + ("" if self.measured else " · a first guess, exact after one run")


def look_ahead(workspace: Workspace, preset: str, entered: dict[str, Any], texts: tuple[Path, ...] = ()) -> Outlook:
    """entered: fields of the pretrain stage that a person set. texts: files to learn from instead of the preset's.

    Raises CutawayError for values that are out of bounds or contradict each other.
    """
    overrides: dict[str, Any] = {f"pretrain.{name}": value for name, value in entered.items()}
    if texts:
        overrides["corpus.paths"] = [str(path) for path in texts]
    recipe = load_recipe(preset, overrides)
    config = next(spec.config for spec in recipe.stages if spec.name == "pretrain")
    assert isinstance(config, pretrain.Config)
    plan = pretrain.plan(config, vocabulary_size(recipe))
    return Outlook(recipe, plan, forecast(recipe, workspace))


def vocabulary_size(recipe: Recipe) -> int:
    """As the recipe asks for it; characters are not counted before the text is read."""
    for spec in recipe.stages:
        if spec.name == "train_tokenizer":
            settings = spec.config.model_dump()
            sizes = {"byte": 257, "character": _CHARACTERS_GUESSED}
            return sizes.get(settings.get("kind", "bpe"), int(settings.get("vocab_size") or 1024))
    return 257


def wants_text(recipe: Recipe) -> bool:
    """Whether it reads files that nobody has chosen yet."""
    for spec in recipe.stages:
        if spec.name == "corpus":
            paths = [Path(path) for path in spec.config.model_dump()["paths"]]
            return not paths or not all(path.is_absolute() and path.exists() for path in paths)
    return False


def preset_settings(preset: str) -> dict[str, Any]:
    """What the preset itself sets of the pretrain stage."""
    recipe = load_recipe(preset)
    tables = [spec.config.model_dump(exclude_unset=True) for spec in recipe.stages if spec.name == "pretrain"]
    return tables[0] if tables else {}
