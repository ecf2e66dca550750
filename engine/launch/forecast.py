"""What a recipe will cost on this machine, before Start. No torch: the window asks."""

from __future__ import annotations

from dataclasses import dataclass

from engine.launch.recipe import Recipe, StageSpec
from engine.stages import pretrain
from engine.store.machine import Machine, read_machine
from engine.store.workspace import Workspace

_BYTE_KINDS_VOCABULARY = 257
_BEFORE_ANY_RUN = {"world": 3.0, "corpus": 5.0, "train_tokenizer": 5.0, "tokenize": 6.0}
_LOADING_MEMORY = 0.4e9


@dataclass(frozen=True)
class StageForecast:
    """parameters: 0 for a stage that trains no model. measured: whether this machine's own speed stands behind it."""

    stage: str
    seconds: float
    memory_bytes: float
    disk_bytes: float
    parameters: int
    measured: bool


def forecast(recipe: Recipe, workspace: Workspace) -> tuple[StageForecast, ...]:
    """One entry a stage. Raises CutawayError when the settings contradict each other."""
    machine = read_machine(workspace)
    vocabulary = _vocabulary(recipe)
    return tuple(_stage(spec, vocabulary, machine) for spec in recipe.stages)


def _stage(spec: StageSpec, vocabulary: int, machine: Machine) -> StageForecast:
    if isinstance(spec.config, pretrain.Config):
        plan = pretrain.plan(spec.config, vocabulary)
        cost = plan.expected(machine.flops_for(plan.model.parameters()))
        measured = machine.is_measured
        return StageForecast(spec.name, cost.seconds, cost.memory_bytes, cost.disk_bytes, cost.parameters, measured)
    seconds = machine.stage_seconds.get(spec.name, _BEFORE_ANY_RUN.get(spec.name, 10.0))
    return StageForecast(spec.name, seconds, _LOADING_MEMORY, 20e6, 0, spec.name in machine.stage_seconds)


def _vocabulary(recipe: Recipe) -> int:
    for spec in recipe.stages:
        if spec.name == "train_tokenizer":
            settings = spec.config.model_dump()
            return int(settings["vocab_size"]) if settings.get("kind") == "bpe" else _BYTE_KINDS_VOCABULARY
    return _BYTE_KINDS_VOCABULARY
