"""What a recipe's pretraining would be, before Start. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.widgets.metric_chart_scale import duration
from engine.launch.recipe import Recipe, load_recipe
from engine.model.sizing import Estimate
from engine.stages import pretrain
from engine.store.machine import read_machine
from engine.store.workspace import Workspace
from engine.training.plan import Plan

_CHARACTERS_GUESSED = 100


@dataclass(frozen=True)
class Outlook:
    """measured: whether this computer's speed is known or guessed."""

    recipe: Recipe
    plan: Plan
    cost: Estimate
    measured: bool

    def values(self) -> dict[str, Any]:
        """Every number that the settings come to."""
        return {
            **self.plan.training.model_dump(),
            **self.plan.model.model_dump(),
            "batch_tokens": self.plan.batch_tokens,
        }

    def words(self) -> str:
        """What stands beside Start."""
        cost = self.cost
        guess = "" if self.measured else ", a guess until this computer was measured"
        return (
            f"about {duration(cost.seconds)} of training{guess} · {cost.memory_bytes / 1e9:.2f} GB of memory · "
            f"{cost.disk_bytes / 1e6:,.0f} MB of disk"
        )


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
    machine = read_machine(workspace)
    return Outlook(recipe, plan, plan.expected(machine.flops_for(plan.model.parameters())), machine.is_measured)


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
