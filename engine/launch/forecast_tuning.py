"""What fine-tuning will cost on this machine, before Start. No torch: the window asks."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

from engine.errors import CutawayError
from engine.generation.loaded import BEST
from engine.launch.recipe import Recipe
from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig
from engine.stages import conversations, pretrain, sft
from engine.store.files import read_json
from engine.store.workspace import Workspace
from engine.training.plan import Plan
from engine.training.tuning_plan import make_tuning_plan, row_length

CHAT_TOKENS = 6  # what a model without a template of its own learns anew
# Of a world's people, each is asked about in some 56 conversations of 100 bytes; a row is filled to 98%.
_PEOPLE, _CONVERSATIONS_EACH, _BYTES_EACH, _FILLED = 400, 56, 100, 0.98
_TEXT_SHARE_OF_A_FILE = 0.7  # the rest of a JSON line is names and brackets
_BYTES_A_TOKEN = 3.2


def tuning_plan(
    recipe: Recipe, config: sft.Config, workspace: Workspace, vocabulary: int, conversations: int = 0
) -> Plan | None:
    """Every value settled, its steps as far as the number of conversations can be told. conversations: to learn from,
    where they were counted. None where the base cannot be read; its stage will say so.

    Raises CutawayError for settings that contradict each other."""
    base = base_config(recipe, config, workspace, vocabulary)
    if base is None:
        return None
    model = base.model_copy(update={"vocab_size": base.vocab_size + CHAT_TOKENS})
    settings = config.model_dump()
    tokens = conversations * _BYTES_EACH / _BYTES_A_TOKEN or _tokens(recipe, workspace)
    rows = max(1, math.ceil(tokens / (row_length(settings, model) * _FILLED)))
    return make_tuning_plan(settings, set(config.model_fields_set), model, rows, has_text=True)


def base_config(recipe: Recipe, config: sft.Config, workspace: Workspace, vocabulary: int) -> ModelConfig | None:
    """Of the model that is tuned: made earlier in the recipe, or a folder of the workspace."""
    if not config.base:
        earlier = [spec.config for spec in recipe.stages if isinstance(spec.config, pretrain.Config)]
        return pretrain.plan(earlier[-1], vocabulary).model if earlier else None
    for folder in (workspace.root / config.base, workspace.runs / config.base, workspace.models / config.base):
        found = [folder] if (folder / "state.json").is_file() else _checkpoints(folder)
        if found:
            with suppress(CutawayError, KeyError, ValueError):
                return ModelConfig.model_validate(read_json(found[-1] / "state.json")["model"])
    return None


def _checkpoints(folder: Path) -> list[Path]:
    """Of a run's last stage that has some, oldest first; the best one last where a stage names it."""
    stages = [folder, *sorted(folder.glob("*-*"))]
    for stage in reversed(stages):
        found = sorted(stage.glob("checkpoints/step-*"))
        if found:
            with suppress(CutawayError, KeyError):
                best = stage / "checkpoints" / str(read_json(stage / BEST)["checkpoint"])
                return [*found, best]
            return found
    return []


def lora_of(config: sft.Config, model: ModelConfig) -> LoraConfig:
    """The additions that the settings ask for, whether they are chosen or not."""
    last = model.n_layer - 1 if config.lora_last_layer is None else config.lora_last_layer
    return LoraConfig(
        rank=config.rank,
        alpha=config.alpha,
        dropout=config.lora_dropout,
        parts=config.lora_parts,
        layers=(config.lora_first_layer, last + 1),
    )


def _tokens(recipe: Recipe, workspace: Workspace) -> float:
    """Of the conversations, as far as the recipe tells: a world's follow from its people, a file's from its size."""
    for spec in recipe.stages:
        if isinstance(spec.config, conversations.Config):
            if spec.config.source == "files":
                size = sum(_size(Path(path)) for path in spec.config.paths)
                return size * _TEXT_SHARE_OF_A_FILE * (1 - spec.config.held_out_share) / _BYTES_A_TOKEN
            people = _people(recipe, spec.config, workspace) * spec.config.people_share
            return people * _CONVERSATIONS_EACH * _BYTES_EACH / _BYTES_A_TOKEN
    return 0.0


def _people(recipe: Recipe, config: conversations.Config, workspace: Workspace) -> float:
    for spec in recipe.stages:
        if spec.name == "world":
            return float(spec.config.model_dump()["people"])
    if config.corpus:
        with suppress(CutawayError, KeyError):
            return float(read_json(workspace.root / config.corpus / "manifest.json")["figures"]["people"])
    return _PEOPLE


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0  # gone, or not to be read: the stage will say so
