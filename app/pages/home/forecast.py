"""What a recipe will cost on this computer, before Start. No torch, no numpy: Home asks before its first paint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.launch.recipe import Recipe, StageSpec
from engine.model.config import ModelConfig
from engine.model.sizing import estimate
from engine.stages import pretrain
from engine.store.machine import Machine

# Until this computer has run a stage once: measured on a laptop with two cores.
_USUAL_SECONDS = {"world": 10.0, "train_tokenizer": 5.0, "tokenize": 3.0, "corpus": 2.0}
_SECONDS_PER_MEGABYTE = {"corpus": 0.05, "train_tokenizer": 0.4, "tokenize": 0.6}
_CHARACTERS_GUESSED = 100


@dataclass(frozen=True)
class Forecast:
    """stage_seconds in the order of the recipe. measured: whether the speed comes from this computer or is a guess.
    model: None for a recipe that trains none. fits: whether the memory is there."""

    stage_seconds: dict[str, float]
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


def forecast(recipe: Recipe, machine: Machine) -> Forecast:
    """Raises CutawayError when the settings of the recipe contradict each other."""
    megabytes = _megabytes(recipe)
    seconds = {spec.name: _stage_seconds(spec, machine, megabytes) for spec in recipe.stages}
    trained = next((spec for spec in recipe.stages if spec.name == "pretrain"), None)
    if trained is None or not isinstance(trained.config, pretrain.Config):
        return Forecast(seconds)
    plan = pretrain.plan(trained.config, vocabulary_size(recipe))
    costs = estimate(
        plan.model,
        tokens=plan.tokens,
        micro_tokens=plan.training.micro_rows * plan.model.context_length,
        flops_per_second=machine.flops_for(plan.model.parameters()),
        checkpoints_kept=plan.training.keep_checkpoints,
    )
    return Forecast(
        {**seconds, "pretrain": costs.seconds},
        plan.model,
        plan.training.steps,
        costs.parameters,
        costs.memory_bytes,
        costs.disk_bytes,
        machine.is_measured,
    )


def vocabulary_size(recipe: Recipe) -> int:
    """As the recipe asks for it; characters are not counted before the text is read."""
    for spec in recipe.stages:
        if spec.name == "train_tokenizer":
            settings: dict[str, Any] = spec.config.model_dump()
            kind = settings.get("kind", "bpe")
            return {"byte": 257, "character": _CHARACTERS_GUESSED}.get(kind, int(settings.get("vocab_size") or 1024))
    return 257


def _stage_seconds(spec: StageSpec, machine: Machine, megabytes: float) -> float:
    if spec.name in machine.stage_seconds:
        return machine.stage_seconds[spec.name]
    return _USUAL_SECONDS.get(spec.name, 5.0) + megabytes * _SECONDS_PER_MEGABYTE.get(spec.name, 0.0)


def _megabytes(recipe: Recipe) -> float:
    """Of the files that the recipe names; a folder is not searched here, and counts as nothing yet."""
    for spec in recipe.stages:
        if spec.name == "corpus":
            paths = [Path(path).expanduser() for path in spec.config.model_dump()["paths"]]
            return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
    return 0.0
