"""What a recipe will cost on this computer, as Home shows it before Start."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from engine.launch.forecast import StageForecast
from engine.launch.forecast import forecast as stage_forecasts
from engine.launch.recipe import Recipe
from engine.model.config import ModelConfig
from engine.stages import pretrain
from engine.store.workspace import Workspace

_BYTE_VOCABULARY = 257


@dataclass(frozen=True)
class Forecast:
    """stages, stage_seconds: in the order of the recipe. measured: whether this computer's own speed stands behind it.
    model: None for a recipe that trains none. fits: whether the memory is there."""

    stage_seconds: dict[str, float]
    stages: tuple[StageForecast, ...] = ()
    model: ModelConfig | None = None
    steps: int = 0
    parameters: int = 0
    memory_bytes: float = 0.0
    disk_bytes: float = 0.0
    measured: bool = False
    machine_memory: int = field(default_factory=lambda: psutil.virtual_memory().total)

    @property
    def seconds(self) -> float:
        return sum(self.stage_seconds.values())

    @property
    def fits(self) -> bool:
        return self.memory_bytes <= self.machine_memory * 0.9


def forecast(recipe: Recipe, workspace: Workspace, said: tuple[StageForecast, ...] = ()) -> Forecast:
    """said: what was forecast before a run began, which then stands. Raises CutawayError when the recipe's settings
    contradict each other."""
    stages = said or stage_forecasts(recipe, workspace)
    trained = next((spec.config for spec in recipe.stages if isinstance(spec.config, pretrain.Config)), None)
    plan = pretrain.plan(trained, vocabulary_size(recipe)) if trained is not None else None
    return Forecast(
        stage_seconds={stage.stage: stage.seconds for stage in stages},
        stages=stages,
        model=plan.model if plan else None,
        steps=plan.training.steps if plan else 0,
        parameters=max(stage.parameters for stage in stages),
        memory_bytes=max(stage.memory_bytes for stage in stages),
        disk_bytes=sum(stage.disk_bytes for stage in stages),
        measured=all(stage.measured for stage in stages),
    )


def vocabulary_size(recipe: Recipe) -> int:
    """As the recipe asks for it; that of characters is not known before the text is read, and counts as bytes."""
    for spec in recipe.stages:
        if spec.name == "train_tokenizer":
            settings = spec.config.model_dump()
            return int(settings["vocab_size"]) if settings["kind"] in ("bpe", "unigram") else _BYTE_VOCABULARY
    return _BYTE_VOCABULARY
