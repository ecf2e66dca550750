"""What Home says of a recipe and of a run, without a window."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from app import canned
from app.pages.home.cards import make_cards
from app.pages.home.now_words import words_now
from app.pages.home.road_card import Scene
from app.pages.home.run_view import RunView, StageView
from app.pages.home.state import HomeState
from app.pages.home.tuning_card import pair_of
from app.pages.train.start_plan import look_ahead
from app.widgets.cost_words import first_words_time
from app.widgets.stage_card_loss_track import LossTrack
from app.widgets.timeline import clock
from engine.events import DocumentSample, Resumed, RunState, StepMetrics, TextSample
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe, preset_names
from engine.store.machine import read_machine, write_machine
from engine.store.workspace import Workspace


def told(root: Path, state: str, story: str = "first-words") -> HomeState:
    made = canned.build(root / state, state, story)
    home = HomeState(made.workspace)
    if made.folder is None:
        home.choose("first-words")
        return home
    home.follow(RecipeRun.open(made.workspace, made.folder))
    assert home.view is not None
    for index, folder in enumerate(home.view.run.stage_folders()):
        home.view.stages[index].take(folder.all_events())
        home.view.set_status(index, folder.status())
    return home


def step(number: int, loss: float) -> StepMetrics:
    return StepMetrics(
        step=number, seconds=number * 0.5, tokens=0, loss=loss, learning_rate=0, grad_norm=0, clipped=False,
        tokens_per_second=0,
    )  # fmt: skip


def test_a_run_at_step_348_says_what_is_left_and_what_it_learns(tmp_path: Path) -> None:
    home = told(tmp_path, "running")
    assert home.view is not None and home.alive and not home.resumable
    assert home.left_words() == "1:18"
    assert home.elapsed() == pytest.approx(111.5, abs=0.1)
    assert "who was born where" in home.words().sentence
    assert [span.title for span in home.spans()] == ["World", "Tokenizer", "Tokenize", "Pretrain"]
    assert [span.role for span in home.spans()] == ["ok", "ok", "ok", "accent"]
    assert home.spans()[-1].filled == pytest.approx(348 / 600, abs=0.01)
    assert home.view.prompt == "Mira Toll was born in"


@pytest.mark.parametrize(
    ("state", "words", "resumable"),
    [
        ("paused", "look inside", False),
        ("failed", "became NaN at step 348", True),
        ("done", "who was born where", False),
        ("empty", "200 people who never lived", False),
    ],
)
def test_every_state_has_its_sentence(tmp_path: Path, state: str, words: str, resumable: bool) -> None:
    home = told(tmp_path, state)
    assert words in home.words().sentence
    assert home.resumable is resumable


def test_a_died_run_can_be_resumed_and_says_so(tmp_path: Path) -> None:
    made = canned.build(tmp_path)
    died = next(folder for folder in made.workspace.run_folders() if folder.name.startswith("tiny-gqa"))
    view = RunView(RecipeRun.open(made.workspace, died))
    for index, folder in enumerate(view.run.stage_folders()):
        view.set_status(index, folder.status())
    assert view.state is RunState.DIED
    assert "What was saved is intact" in words_now(view, 1024).sentence


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (6.9, "which ones are common"),
        (5.0, "make a word"),
        (3.0, "follows which"),
        (2.0, "a sentence goes"),
        (0.8, "born"),
    ],
)
def test_the_sentence_follows_the_loss(tmp_path: Path, loss: float, words: str) -> None:
    home = told(tmp_path, "running")
    assert home.view is not None
    stage = home.view.stages[-1]
    stage.track = LossTrack()
    stage.take([step(1, loss)])
    assert words in home.words().sentence


def test_a_recipe_that_cannot_be_loaded_is_said_in_words(workspace: Workspace) -> None:
    home = HomeState(workspace)
    home.choose("no-such-recipe")
    assert home.recipe is None
    assert home.words().role == "danger"
    assert "no-such-recipe" in home.words().sentence
    assert home.spans() == []


def test_a_text_of_ones_own_takes_the_place_of_the_recipes(workspace: Workspace, tmp_path: Path) -> None:
    home = HomeState(workspace)
    home.choose("shakespeare")
    assert home.wants_text
    text = tmp_path / "notes.txt"
    text.write_text("To be or not to be. " * 100)
    home.choose("shakespeare", (text,))
    assert home.recipe is not None and not home.wants_text
    assert (home.recipe.name, home.recipe.description) == ("notes", "Train on notes.txt")
    assert home.recipe.stages[0].config.model_dump()["paths"] == [str(text)]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_cards_and_costs(workspace: Workspace, qapp: object, name: str) -> None:
    home = HomeState(workspace)
    home.choose(name)
    assert home.recipe is not None
    titles = [made.card.title for made in make_cards(load_recipe(name))]
    learns = ["Pretrain", "Assistant"] if "assistant" in name else ["Pretrain"]
    assert titles[1:] == ["Tokenizer", *learns, "Playground"]
    assert home.forecast.seconds > 1
    assert "memory" in home.cost_words()


def test_what_was_said_before_start_stays_said_and_every_page_says_the_same(workspace: Workspace) -> None:
    home = HomeState(workspace)
    home.choose("first-words")
    said = home.cost_words()
    assert "about 3:" in said  # what README says too
    assert said == look_ahead(workspace, "first-words", {}).words().partition(" · a first guess")[0]
    assert first_words_time(workspace) == "3 minutes"
    run = RecipeRun.create(workspace, load_recipe("first-words"))
    seconds = home.forecast.seconds
    parameters = home.forecast.parameters
    write_machine(workspace, read_machine(workspace).with_training(parameters, 0.5e11))
    home.follow(run)
    assert home.forecast.seconds == pytest.approx(seconds)
    assert home.cost_words() != said  # that is of a run which would begin now
    (run.folder / "forecast.json").write_text("{")
    home.follow(run)
    assert home.forecast.seconds > 3 * seconds


def test_what_came_after_a_resumption_is_forgotten(tmp_path: Path) -> None:
    home = told(tmp_path, "running")
    assert home.view is not None
    kept = [event for event in home.view.run.stage_folder(3).all_events() if event.step <= 100]
    home.view.restart(3, [*kept, Resumed(step=100)])
    assert home.view.stages[3].track.points[-1].step == 100
    assert home.view.stages[3].steps == 600


def test_the_prompt_before_the_first_sample_is_the_beginning_of_a_fact(tmp_path: Path) -> None:
    stage = StageView("world", "World", tmp_path)
    text = "It rained. Mira Toll was born in Anvik. She sings."
    stage.take([DocumentSample(text=text, marks=((11, 20, "name"), (33, 38, "value")))])
    view = RunView.__new__(RunView)
    view.stages = [stage]
    assert view.prompt == "Mira Toll was born in"
    pretrain = StageView("pretrain", "Pretrain", tmp_path)
    pretrain.take([TextSample(prompt="Once", text=" upon", seed=1, temperature=1.0)])
    view.stages.append(pretrain)
    assert view.prompt == "Once"


def test_a_loss_track_stays_small_and_keeps_extremes() -> None:
    track = LossTrack()
    for number in range(1, 50_001):
        track.add(number, 9.0 if number == 31_234 else 2.0)
    track.add(50_001, math.nan)
    assert len(track.points) <= 2_000
    assert max(point.high for point in track.points) == 9.0
    assert track.points[-1].step == 50_000
    assert math.isnan(track.last) and track.smooth == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (9.4, "0:09"), (122, "2:02"), (3_840, "1:04:00"), (273_600, "3 d 4 h")]
)
def test_durations_read_like_a_watch(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_model_that_learns_to_answer_is_told_by_what_it_answers(tmp_path: Path, qapp: object) -> None:
    home = told(tmp_path, "running", "first-assistant")
    assert home.view is not None and home.recipe is not None and home.view.model is home.view.stage("sft")
    assert "never asked before: *96% word for word*" in home.words().sentence
    assert home.view.prompt.endswith("?")
    cards = make_cards(home.recipe)
    assert [made.card.title for made in cards] == ["Conversations", "Assistant", "Playground"]
    home.view.stages[1].read_plan()
    for made in cards:
        made.show(Scene(home.recipe, home.forecast, home.view))
    asked, tuned = (made.card.words for made in cards[:2])
    assert (asked.number, asked.label, asked.aside) == ("5,609", "to learn from", "2,900 held out")
    assert (tuned.number, tuned.label) == ("96%", "of held-out questions exact")
    assert tuned.subtitle == "5,609 conversations, all weights move"
    assert tuned.corner == "step *425* of 676"
    assert cards[1].wants_room
    pair = pair_of(home.view.stages[1])
    assert pair is not None and pair.right and pair.step == 408
    assert pair.question != pair.base != pair.answer
    done = told(tmp_path, "done", "first-assistant")
    assert "answers 98%" in done.words().sentence


def test_the_whole_road_to_an_assistant_says_so_before_start(tmp_path: Path, qapp: object) -> None:
    home = told(tmp_path, "empty")
    home.choose("first-assistant")
    assert home.recipe is not None
    assert "*a model that answers*" in home.words().sentence
    road = make_cards(home.recipe)
    for made in road:
        made.show(Scene(home.recipe, home.forecast))
    assert [made.wants_room for made in road] == [False, False, True, False, False]
    assert road[3].card.words.label == "people to ask of"
