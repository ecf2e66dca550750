"""What a recipe will cost on this machine, before Start. No torch: the window asks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import CutawayError
from engine.launch.forecast_tuning import CHAT_TOKENS, lora_of, tuning_plan
from engine.launch.recipe import Recipe, StageSpec
from engine.stages import pretrain, sft
from engine.store.files import read_json, write_json
from engine.store.machine import Machine, read_machine
from engine.store.workspace import Workspace
from engine.training.tuning_plan import looking_seconds

_FILE = "forecast.json"
_BYTE_KINDS_VOCABULARY = 257
_BEFORE_ANY_RUN = {"world": 2.0, "corpus": 5.0, "train_tokenizer": 3.0, "tokenize": 4.0, "conversations": 1.0}
_LOADING_MEMORY = 0.4e9
# A told document of the world with its place in a JSON file; a token of two bytes stands for some three of text.
_BYTES_A_DOCUMENT, _TOKEN_BYTES_A_BYTE = 275, 0.65
_SMALL_FILES = 0.1e6


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
    vocabulary, text = _vocabulary(recipe), _text_bytes(recipe)
    return tuple(
        _tuning(recipe, spec.config, workspace, vocabulary, machine)
        if isinstance(spec.config, sft.Config)
        else _stage(spec, vocabulary, text, machine)
        for spec in recipe.stages
    )


def write_forecast(recipe: Recipe, workspace: Workspace, folder: Path) -> None:
    """Keeps in a run's folder what was said before it began. A recipe whose settings contradict each other has none:
    its stage will say so."""
    with suppress(CutawayError):
        write_json(folder / _FILE, [asdict(stage) for stage in forecast(recipe, workspace)])


def read_forecast(folder: Path) -> tuple[StageForecast, ...]:
    """What was said before the run in this folder began; () when nothing was kept."""
    if not (folder / _FILE).is_file():
        return ()
    try:
        return tuple(StageForecast(**stage) for stage in read_json(folder / _FILE))
    except (CutawayError, TypeError):
        return ()  # written by another version, or damaged: it is only what was said


def _stage(spec: StageSpec, vocabulary: int, text: float, machine: Machine) -> StageForecast:
    if isinstance(spec.config, pretrain.Config):
        plan = pretrain.plan(spec.config, vocabulary)
        cost = plan.expected(machine.flops_for(plan.model.parameters()))
        measured = machine.is_measured
        return StageForecast(spec.name, cost.seconds, cost.memory_bytes, cost.disk_bytes, cost.parameters, measured)
    seconds = machine.stage_seconds.get(spec.name, _BEFORE_ANY_RUN.get(spec.name, 10.0))
    disk = {"world": text, "corpus": text, "tokenize": _TOKEN_BYTES_A_BYTE * text}.get(spec.name, 0.0) + _SMALL_FILES
    return StageForecast(spec.name, seconds, _LOADING_MEMORY, disk, 0, spec.name in machine.stage_seconds)


def _tuning(
    recipe: Recipe, config: sft.Config, workspace: Workspace, vocabulary: int, machine: Machine
) -> StageForecast:
    plan = tuning_plan(recipe, config, workspace, vocabulary)
    if plan is None:
        return StageForecast("sft", 0.0, _LOADING_MEMORY, 0.0, 0, False)
    lora = lora_of(config, plan.model) if config.method == "lora" else None
    cost = plan.expected(machine.flops_for(plan.model.parameters()), lora, CHAT_TOKENS)
    seconds = cost.seconds + looking_seconds(config.model_dump(), plan)
    return StageForecast("sft", seconds, cost.memory_bytes, cost.disk_bytes, cost.parameters, machine.is_measured)


def _text_bytes(recipe: Recipe) -> float:
    """Of the text that is learned from, as far as the recipe tells."""
    for spec in recipe.stages:
        settings = spec.config.model_dump()
        if spec.name == "world":
            return float(settings["documents"] * _BYTES_A_DOCUMENT)
        if spec.name == "corpus":
            return float(sum(_size(Path(path)) for path in settings["paths"]))
    return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0  # gone, or not to be read: the stage will say so


def _vocabulary(recipe: Recipe) -> int:
    for spec in recipe.stages:
        if spec.name == "train_tokenizer":
            settings = spec.config.model_dump()
            return int(settings["vocab_size"]) if settings.get("kind") in ("bpe", "unigram") else _BYTE_KINDS_VOCABULARY
    return _BYTE_KINDS_VOCABULARY
