"""What a fine-tuning would be, before Start. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.pages.finetune.bases import Base
from engine.errors import CutawayError
from engine.launch.forecast import StageForecast, forecast
from engine.launch.forecast_tuning import CHAT_TOKENS, lora_of, tuning_plan
from engine.launch.recipe import Recipe, recipe_from_json
from engine.model.config import ModelConfig
from engine.model.lora_config import adapter_parameters
from engine.model.sizing import PROCESS_BYTES, backward_bytes
from engine.stages import sft
from engine.store.workspace import Workspace
from engine.training.plan import Plan

_ENDINGS = re.compile(r"(-(tuned|lora))+$")


@dataclass(frozen=True)
class Outlook:
    """model: the base's. plan: every value settled, its steps only as sure as the number of conversations.
    stages: what each will cost."""

    recipe: Recipe
    config: sft.Config
    model: ModelConfig
    plan: Plan
    stages: tuple[StageForecast, ...]

    @property
    def trained(self) -> int:
        """Numbers that learn."""
        return trained_numbers(self.config, self.model)

    def values(self) -> dict[str, Any]:
        """Every number that the settings come to."""
        found = {**self.config.model_dump(), **self.plan.training.model_dump(), "context_length": self.plan.row_length}
        return {**found, "lora_last_layer": lora_of(self.config, self.model).layers_of(self.model).stop - 1}

    @property
    def looks(self) -> list[int]:
        """Steps at which held-out conversations are looked at."""
        training = self.plan.training
        return sorted({0, *range(training.evaluate_every, training.steps, training.evaluate_every), training.steps})


def trained_numbers(config: sft.Config, model: ModelConfig) -> int:
    if config.method == "full":
        return model.parameters()
    return adapter_parameters(model, lora_of(config, model), CHAT_TOKENS)


def name_of(base: str, entered: dict[str, Any]) -> str:
    """Tells the method, and does not grow when a tuned model is tuned again."""
    ending = "lora" if entered.get("method") == "lora" else "tuned"
    return f"{_ENDINGS.sub('', base) or base}-{ending}"


def make_recipe(base: Base, workspace: Workspace, data: dict[str, dict[str, Any]], entered: dict[str, Any]) -> Recipe:
    """data: tables of the stages that make the conversations. Raises CutawayError for a value out of bounds."""
    tables = {**data, "sft": {"base": base.place(workspace), **entered}}
    description = f"{base.name} learns to answer"
    return recipe_from_json({"name": name_of(base.name, entered), "description": description, "stages": tables})


def look_ahead(
    base: Base, workspace: Workspace, data: dict[str, dict[str, Any]], entered: dict[str, Any], conversations: int
) -> Outlook:
    """conversations: that are trained on. Raises CutawayError for values that are out of bounds or contradict each
    other, or a base that is gone."""
    model = base.config()
    if model is None:
        raise CutawayError(
            f"{base.name} cannot be read.", "Its checkpoint does not say what it is.", "Choose another model."
        )
    recipe = make_recipe(base, workspace, data, entered)
    config = recipe.stages[-1].config
    assert isinstance(config, sft.Config)
    plan = tuning_plan(recipe, config, workspace, model.vocab_size, conversations)
    assert plan is not None  # the base was read just now
    return Outlook(recipe, config, model, plan, forecast(recipe, workspace))


def memory_of(config: sft.Config, outlook: Outlook) -> tuple[float, ...]:
    """Bytes of weights, gradients, AdamW's averages, activations and the program, in this order."""
    model = outlook.model
    learns = trained_numbers(config, model)
    weights = 4.0 * (model.parameters() + (learns if config.method == "lora" else 0))
    lora = lora_of(config, model) if config.method == "lora" else None
    passing = backward_bytes(model, outlook.plan.training.micro_rows * outlook.plan.row_tokens, half=True, lora=lora)
    return weights, 4.0 * learns, 8.0 * learns, passing, PROCESS_BYTES
