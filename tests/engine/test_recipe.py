"""Recipes: what they say, what they refuse, and in which words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import CutawayError
from engine.launch.forecast import forecast
from engine.launch.recipe import STAGES, load_recipe, parse_override, preset_names, recipe_from_json
from engine.store.workspace import open_workspace


@pytest.mark.parametrize("name", ["first-words", "gpt2-small", "shakespeare"])
def test_presets_load_and_survive_their_json(name: str) -> None:
    assert name in preset_names()
    recipe = load_recipe(name)
    assert recipe.description and recipe_from_json(recipe.to_json()) == recipe


def test_every_stage_keeps_the_contract() -> None:
    for name in STAGES.names():
        STAGES.load(name)


def test_an_override_changes_one_value() -> None:
    recipe = load_recipe("first-words", {"pretrain.steps": 7, "world.people": 20})
    settings = {spec.name: spec.config.model_dump() for spec in recipe.stages}
    assert settings["pretrain"]["steps"] == 7 and settings["world"]["people"] == 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[world\n", "is not TOML"),
        ("[wurld]\npeople = 3\n", "no such stage"),
        ("[world]\npoeple = 3\n", 'no setting "poeple"'),
        ("[world]\npeople = -3\n", "greater than or equal"),
        ("[pretrain]\ndepth = 'four'\n", "valid integer"),
        ("[pretrain]\nlearning_rate = nan\n", "finite"),
        ("[pretrain]\nnorm = 'batchnorm'\n", "'rmsnorm' or 'layernorm'"),
        ("world = 3\n", "must be a table"),
        ("", "names no stage"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(CutawayError) as caught:
        load_recipe(str(path))
    assert words in str(caught.value)
    assert caught.value.what and caught.value.why and caught.value.remedy


@pytest.mark.parametrize("override", ["nothing.x=1", "pretrain=1", "pretrain.stepz=1"])
def test_an_override_that_is_wrong_is_refused(override: str) -> None:
    key, value = parse_override(override)
    with pytest.raises(CutawayError):
        load_recipe("first-words", {key: value})


def test_overrides_are_json_or_text() -> None:
    assert parse_override("a.b=3") == ("a.b", 3)
    assert parse_override("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_override("a.b=plain text") == ("a.b", "plain text")
    with pytest.raises(CutawayError, match="no equals sign"):
        parse_override("a.b")


def test_a_recipe_that_is_not_there() -> None:
    with pytest.raises(CutawayError, match="no preset"):
        load_recipe("no-such-recipe")


def test_a_forecast_is_there_before_anything_ran_and_tells_that_it_guesses(tmp_path: Path) -> None:
    stages = forecast(load_recipe("first-words"), open_workspace(tmp_path))
    assert [stage.stage for stage in stages][-1] == "pretrain"
    last = stages[-1]
    assert not last.measured and 1.5e6 < last.parameters < 3e6 and last.seconds > 10
    assert 0.3e9 < last.memory_bytes < 2e9


def test_recipes_stages_and_forecasts_need_no_torch() -> None:
    code = (
        "import sys\n"
        "from engine.launch.recipe import load_recipe, STAGES\n"
        "from engine.launch import forecast, local\n"
        "[STAGES.load(name) for name in STAGES.names()]\n"
        "load_recipe('first-words')\n"
        "assert 'torch' not in sys.modules and 'tokenizers' not in sys.modules, 'too early'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
