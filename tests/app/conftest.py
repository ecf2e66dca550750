"""A desk over a real engine thread and a real workspace, with a toy stage that the registry finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import engine.stages
from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.workspace import Workspace

TOY_STAGES = Path(__file__).with_name("toy_stages")


@pytest.fixture
def toy_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.stages, "__path__", [*engine.stages.__path__, str(TOY_STAGES)])


@pytest.fixture
def counting(toy_stages: None) -> Callable[..., Recipe]:
    """counting(steps=5, seconds_a_step=0.01, ...) -> a recipe with this one stage."""

    def recipe(name: str = "count", **config: Any) -> Recipe:
        return recipe_from_json({"name": name, "description": "", "stages": {"counting": config}})

    return recipe


@pytest.fixture
def settings(qapp: Any, tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.ini")


@pytest.fixture
def desk(settings: Settings, workspace: Workspace) -> Iterator[Desk]:
    desk = make_desk(settings, workspace)
    desk.open()
    yield desk
    desk.close()
