"""A recipe: the stages of a run in order, as a TOML file with one table a stage."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.pipeline.stage import StageConfig, explain_validation
from engine.registry import Registry

PRESETS = Path(__file__).resolve().parents[2] / "resources" / "presets"
STAGES = Registry("engine.stages", requires=("TITLE", "OUTPUT", "Config", "run"))


@dataclass(frozen=True)
class StageSpec:
    name: str
    config: StageConfig

    @property
    def module(self) -> ModuleType:
        return STAGES.load(self.name)


@dataclass(frozen=True)
class Recipe:
    """name: also the beginning of its runs' folder names. description: one line for a person."""

    name: str
    description: str
    stages: tuple[StageSpec, ...]

    def to_json(self) -> dict[str, Any]:
        """Only what was set by hand or preset is kept, so that a derived value stays derived."""
        tables = {spec.name: spec.config.model_dump(mode="json", exclude_unset=True) for spec in self.stages}
        return {"name": self.name, "description": self.description, "stages": tables}


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """A preset by name, or a TOML file by path. overrides: "stage.key" -> value, applied on top.

    Raises CutawayError for a file that is not there or no TOML, an unknown stage, key or value.
    """
    preset = PRESETS / f"{name_or_path}.toml"
    path = preset if preset.is_file() else Path(name_or_path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CutawayError(
            f'There is no recipe "{name_or_path}".',
            f"It is no preset ({', '.join(preset_names())}), and as a file it cannot be read.",
            "Name a preset, or give the path of a .toml file.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CutawayError(f"{path.name} is not TOML.", f"{error}.", "Mend that line.") from error
    return recipe_from_json(
        {
            "name": str(data.pop("name", path.stem)),
            "description": str(data.pop("description", "")),
            "stages": data,
        },
        overrides,
    )


def recipe_from_json(data: dict[str, Any], overrides: dict[str, Any] | None = None) -> Recipe:
    tables = {stage: dict(_table(stage, table)) for stage, table in data["stages"].items()}
    for key, value in (overrides or {}).items():
        stage, _, setting = key.partition(".")
        if stage not in tables or not setting:
            raise CutawayError(
                f'"{key}" cannot be set.',
                f"The recipe has the stages {', '.join(tables)}.",
                "Write stage.key=value, for example pretrain.steps=100.",
            )
        tables[stage][setting] = value
    if not tables:
        raise CutawayError("The recipe is empty.", "It names no stage.", "Add a table such as [world].")
    stages = tuple(StageSpec(stage, _validated(stage, table)) for stage, table in tables.items())
    return Recipe(data["name"], data["description"], stages)


def parse_override(text: str) -> tuple[str, Any]:
    """ "stage.key=value" as from the command line; the value as JSON if it is that, else as text."""
    key, separator, raw = text.partition("=")
    if not separator:
        raise CutawayError(f'"{text}" sets nothing.', "It has no equals sign.", "Write stage.key=value.")
    try:
        return key.strip(), json.loads(raw)
    except ValueError:
        return key.strip(), raw


def _table(stage: str, table: Any) -> dict[str, Any]:
    if stage not in STAGES.names():
        raise CutawayError(
            f'The recipe has a wrong key "{stage}".',
            f"There is no such stage; the stages are {', '.join(STAGES.names())}.",
            "Rename or remove it.",
        )
    if not isinstance(table, dict):
        raise CutawayError(f'"{stage}" must be a table.', f"It is {table!r}.", f"Write [{stage}] on a line of its own.")
    return table


def _validated(stage: str, table: dict[str, Any]) -> StageConfig:
    config: type[StageConfig] = STAGES.load(stage).Config
    try:
        return config.model_validate(table)
    except ValidationError as error:
        raise explain_validation(error, f"[{stage}]") from error
