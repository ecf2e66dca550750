"""The page over a real desk: canned runs, clicks, dropped files, and one real run with a live model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import canned
from app.jobs.desk import Desk, make_desk
from app.jobs.settings import Settings
from app.pages import home
from app.pages.home.page import HomePage
from app.theme import stylesheet
from app.theme.palette import DARK, LIGHT
from app.widgets.buttons import Button
from app.widgets.stage_card import Mark
from engine.launch.recipe import recipe_from_json
from engine.store.workspace import Workspace

Opener = Callable[[str], tuple[HomePage, Desk]]


@pytest.fixture
def opened(settings: Settings, tmp_path: Path, qtbot: QtBot) -> Iterator[Opener]:
    """opened(state) -> the page as the window would show it, over a canned workspace."""
    desks = []

    def build(state: str) -> tuple[HomePage, Desk]:
        made = canned.build(tmp_path / state, state)
        desk = make_desk(settings, made.workspace)
        desks.append(desk)
        desk.open()
        page = home.build(desk)
        assert isinstance(page, HomePage)
        qtbot.addWidget(page)
        qtbot.addWidget(page.controls)
        page.resize(1268, 768)
        page.show()
        page.controls.show()
        desk.feed.follow(made.folder)
        page.shown()
        qtbot.waitUntil(lambda: desk.runs.loaded and (made.folder is None or page.state.view is not None), timeout=5000)
        if made.folder is not None:
            qtbot.waitUntil(lambda: page.state.view.stages[-1].step >= 348, timeout=8000)
        page.refresh()
        return page, desk

    yield build
    for desk in desks:
        desk.close()


def painted(page: HomePage) -> int:
    """How many different colours the page shows: an exception while painting would leave it bare."""
    image = QImage(page.size(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    page.render(painter, QPoint(0, 0))
    painter.end()
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


def shown_buttons(page: HomePage) -> set[str]:
    found = page.controls.findChildren(Button)
    return {button.text() for button in found if button.isVisibleTo(page.controls)} - {"Find an action"}


@pytest.mark.parametrize(
    ("state", "marks", "buttons"),
    [
        ("empty", [Mark.WAITING] * 4, {"Start"}),
        ("running", [Mark.DONE, Mark.DONE, Mark.RUNNING, Mark.WAITING], {"Pause", "Stop"}),
        ("paused", [Mark.DONE, Mark.DONE, Mark.PAUSED, Mark.WAITING], {"Go on", "Stop"}),
        ("failed", [Mark.DONE, Mark.DONE, Mark.FAILED, Mark.WAITING], {"Resume", "Start again"}),
        ("done", [Mark.DONE] * 4, {"Start again"}),
    ],
)
def test_each_state_lights_its_cards_and_offers_its_buttons(
    opened: Opener, qapp: QApplication, state: str, marks: list[Mark], buttons: set[str]
) -> None:
    stylesheet.apply(qapp, DARK if state == "running" else LIGHT)
    page, _ = opened(state)
    assert [made.card.mark for made in page.road.cards] == marks
    assert shown_buttons(page) == buttons
    assert painted(page) > 30


def test_the_cards_tell_the_run_in_numbers(opened: Opener) -> None:
    page, _ = opened("running")
    world, tokenizer, pretrain, playground = (made.card.words for made in page.road.cards)
    assert (world.subtitle, world.number) == ("400 invented people", "12,500")
    assert tokenizer.number == "1,024" and tokenizer.corner.endswith("M* tokens")
    assert (pretrain.number, pretrain.corner) == ("0.80", "step *348* of 600")
    assert pretrain.foot == "“Mira Toll was born in Anvik and keeps a green fox.”"
    assert playground.link
    assert page.timeline.total == pytest.approx(189.5, abs=1)


def test_the_first_start_is_inviting(opened: Opener) -> None:
    page, desk = opened("empty")
    assert page.recent.first_steps.isVisibleTo(page)
    assert "Press Start" in page.now.sentence.text
    assert page.road.cards[3].card.words.number == "10.00"
    wished: list[str] = []
    desk.bus.navigate.connect(lambda name, _: wished.append(name))
    page.recent.first_steps.wished.emit("tokenizer")
    assert wished == ["tokenizer"]


def test_a_click_on_a_card_or_a_run_opens_its_page(opened: Opener, qtbot: QtBot) -> None:
    page, desk = opened("done")
    qtbot.waitUntil(lambda: page.recent.rows() >= 5)
    went: list[tuple[str, object]] = []
    desk.bus.navigate.connect(lambda name, argument: went.append((name, argument)))
    qtbot.mouseClick(page.road.cards[3].card, Qt.MouseButton.LeftButton)
    assert went == [("playground", desk.feed.run.folder)]
    qtbot.keyClick(page.road.cards[2].card, Qt.Key.Key_Return)
    assert went[-1] == ("train", desk.feed.run.folder)
    summaries = desk.runs.summaries
    page.recent.opened.emit(summaries[0])
    assert went[-1] == ("train", summaries[0].folder)


def test_a_dropped_text_is_offered_for_training(opened: Opener, tmp_path: Path) -> None:
    page, _ = opened("empty")
    text = tmp_path / "notes.txt"
    text.write_text("All is well. " * 50)
    page.open({"files": [text]})
    assert page.state.recipe.name == "notes"
    assert page.road.cards[0].card.title == "Text"
    assert page.road.cards[0].card.words.subtitle == "notes.txt"
    assert shown_buttons(page) == {"Start"}


def test_a_recipe_without_a_text_asks_for_one(opened: Opener) -> None:
    page, desk = opened("empty")
    page.choose("shakespeare")
    assert shown_buttons(page) == {"Choose a text"}
    assert desk.settings.last_recipe == "shakespeare"


def test_a_recipe_of_last_time_that_is_gone_gives_way_to_first_words(
    settings: Settings, desk: Desk, qtbot: QtBot
) -> None:
    settings.last_recipe = "gone.toml"
    page = home.build(desk)
    qtbot.addWidget(page)
    assert isinstance(page, HomePage)
    assert page.state.recipe.name == "first-words"


def test_while_a_run_is_at_work_no_other_recipe_is_shown(opened: Opener) -> None:
    page, desk = opened("running")
    said: list[str] = []
    desk.bus.notice.connect(lambda _, text: said.append(text))
    page.choose("gpt2-small")
    assert page.state.recipe.name == "first-words"
    assert "A run is at work" in said[0]


def test_a_real_run_lights_up_the_road_and_answers(
    desk: Desk, workspace: Workspace, tmp_path: Path, qtbot: QtBot
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Mira Toll was born in Anvik. She keeps a grey fox.\n" * 200)
    tables: dict[str, Any] = {
        "corpus": {"paths": [str(text)]},
        "train_tokenizer": {"kind": "byte"},
        "tokenize": {"split": "tail"},
        "pretrain": {
            "depth": 1, "d_model": 16, "n_head": 1, "context_length": 16, "steps": 100_000, "batch_tokens": 64,
            "sample_prompt": "Mira", "sample_tokens": 4, "sample_every": 5, "precision": "float32",
        },
    }  # fmt: skip
    desk.settings.device, desk.settings.threads = "cpu", 1
    page = home.build(desk)
    qtbot.addWidget(page)
    assert isinstance(page, HomePage)
    page.resize(1268, 768)
    page.show()
    page.shown()
    page.state.take(recipe_from_json({"name": "tiny", "description": "", "stages": tables}))
    page.controls.show()
    page.controls.activateWindow()
    page.controls._start.setFocus()
    page.start()
    qtbot.waitUntil(lambda: page.guesses is not None, timeout=30_000)
    assert page.controls.focusWidget() is page.controls._stop
    first = page.guesses.step
    page.hidden()
    page.shown()
    qtbot.waitUntil(lambda: page.guesses.step > first, timeout=10_000)
    first = page.guesses.step
    qtbot.waitUntil(lambda: page.guesses.step > first, timeout=10_000)
    assert len(page.guesses.candidates) == 6
    assert 0 < page.guesses.entropy <= 8.01
    assert page.road.cards[0].card.mark is Mark.DONE
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=20_000)
    qtbot.waitUntil(lambda: page.state.resumable, timeout=10_000)
    assert "You stopped at step" in page.state.words().sentence
    assert page.controls.focusWidget() is page.controls._resume
