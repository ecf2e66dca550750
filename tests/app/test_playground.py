"""The page over a real engine thread and a real, tiny model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.jobs.query import LIVE
from app.pages import playground
from app.pages.playground.page import LOOK, WRITE
from engine.control import Control
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.workspace import open_workspace

SENTENCES = "Mira Toll was born in Anvik. She works as a baker, and the wind comes in from the sea.\n\n"


def recipe(corpus: Path, steps: int) -> Recipe:
    return recipe_from_json(
        {
            "name": "tiny",
            "description": "",
            "stages": {
                "corpus": {"paths": [str(corpus)]},
                "train_tokenizer": {"kind": "byte"},
                "tokenize": {"split": "tail"},
                "pretrain": {
                    "depth": 2,
                    "d_model": 32,
                    "n_head": 2,
                    "context_length": 32,
                    "steps": steps,
                    "batch_tokens": 128,
                    "precision": "float32",
                    "evaluate_every": 1000,
                    "sample_every": 1000,
                },
            },
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A workspace with one finished run of three steps."""
    root = tmp_path_factory.mktemp("trained")
    corpus = root / "corpus.txt"
    corpus.write_text(SENTENCES * 60)
    workspace = open_workspace(root / "workspace")
    for _ in RecipeRun.create(workspace, recipe(corpus, 3)).work(Control(), device="cpu", threads=1):
        pass
    return root


@pytest.fixture
def page(desk, workspace, trained, qtbot):
    """The page on a copy of that workspace, in view, with the model read."""
    shutil.copytree(trained / "workspace", workspace.root, dirs_exist_ok=True)
    shown = playground.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    shown.shown()
    qtbot.waitUntil(lambda: shown.session.next is not None, timeout=20_000)
    yield shown
    shown.hidden()


def write(page, qtbot, text: str = "Mira", count: int = 8) -> None:
    page.session.edit(text)
    page.session.max_tokens = count
    page.write()
    qtbot.waitUntil(lambda: not page.session.writing and page.session.next is not None, timeout=10_000)


def test_the_page_is_built_without_torch():
    code = "import sys, app.pages.playground.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_a_model_one_button_leads_home(desk, qtbot):
    shown = playground.build(desk)
    qtbot.addWidget(shown)
    shown.show()
    shown.shown()
    assert shown.empty.isVisible()
    assert not shown.button.isVisible()
    with qtbot.waitSignal(desk.bus.navigate) as asked:
        qtbot.mouseClick(shown.empty.button, Qt.MouseButton.LeftButton)
    assert asked.args == ["home", None]
    shown.hidden()


def test_writes_streams_and_undoes(page, qtbot):
    write(page, qtbot)
    tokens = page.session.tokens
    assert [token.is_written for token in tokens] == [False] * 4 + [True] * 8
    assert len(page.text.area.view.tokens) == 12
    assert page.text.doubt.index_at(7 * 20 + 5) == 7
    assert page.text.area.currentWidget() is page.text.area.view
    page.session.undo()
    assert page.session.text == "Mira"
    page.session.undo()
    assert page.session.text == ""
    assert page.text.area.is_editing


def test_writes_from_nothing(page, qtbot):
    write(page, qtbot, text="", count=5)
    assert len(page.session.tokens) == 5
    assert page.text.area.currentWidget() is page.text.area.view


def test_the_same_seed_gives_the_same_text_in_steps(page, qtbot):
    write(page, qtbot, count=6)
    whole = page.session.ids
    page.session.undo()
    for expected in range(5, 11):
        page.text.step.click()
        qtbot.waitUntil(lambda: not page.session.writing and page.session.next is not None, timeout=5_000)
        assert len(page.session.tokens) == expected
    assert page.session.ids == whole


def test_a_picked_token_shows_its_row_and_the_slider_moves_the_bars(page, qtbot, desk):
    write(page, qtbot)
    with qtbot.waitSignal(desk.bus.inspect) as told:
        page.text.area.view.clicked.emit(6)
    assert told.args[0].formula.startswith("p_i")
    assert any(row[0] == "random number" for row in told.args[0].rows)
    before = [row.before for row in page.candidates.bars.rows]
    after = [row.after for row in page.candidates.bars.rows]
    page.controls.temperature.set_number(0.1)
    assert [row.before for row in page.candidates.bars.rows] == before
    assert page.candidates.bars.rows[0].after > after[0]
    page.controls.temperature.set_number(0)
    assert [row.excluded for row in page.candidates.bars.rows].count("") == 1
    qtbot.waitUntil(lambda: all(t.entropy_after == 0 for t in page.session.tokens if t.is_written))


def test_another_candidate_continues_from_there(page, qtbot):
    write(page, qtbot)
    page.session.select(6)
    kept = page.session.ids[:6]
    other = next(row.token_id for row in page.candidates.bars.rows if row.token_id != page.session.ids[6])
    page.candidates.bars.chosen.emit(other)
    qtbot.waitUntil(lambda: not page.session.writing and len(page.session.tokens) == 7 + 8, timeout=5_000)
    assert page.session.ids[:7] == [*kept, other]
    assert page.session.tokens[6].drawn.seed is None
    page.session.undo()
    assert len(page.session.tokens) == 12


def test_typed_tokens_tell_what_was_expected(page, qtbot):
    write(page, qtbot)
    page.session.select(2)
    qtbot.waitUntil(lambda: page.session.in_view is not None, timeout=5_000)
    assert any(row.note == "in your text" for row in page.candidates.bars.rows)


def test_typing_in_place_keeps_what_stands_before(page, qtbot):
    write(page, qtbot, text="Mira Toll ")
    area = page.text.area
    qtbot.mouseClick(area.view.viewport(), Qt.MouseButton.LeftButton, pos=area.view.token_rect(2).center())
    assert area.is_editing
    area.editor.setPlainText("Mira was")
    qtbot.keyClick(area.editor, Qt.Key.Key_Escape)
    assert not area.is_editing
    qtbot.waitUntil(lambda: not page.session.draft)
    assert page.session.text == "Mira was"
    qtbot.keyClicks(area.view, "!")
    assert area.editor.toPlainText() == "Mira was!"
    page.session.max_tokens = 2
    qtbot.keyClick(area.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(page.session.tokens) == len("Mira was!") + 2, timeout=5_000)


def test_typing_over_a_selection_replaces_it(page, qtbot):
    write(page, qtbot, text="Mira Toll ")
    area = page.text.area
    area.view.clicked.emit(len("Mira Toll ") + 3)
    qtbot.keyClick(area.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(area.view, "H")
    assert area.editor.toPlainText() == "H"
    qtbot.keyClicks(area.editor, "ugo was ")
    area.leave()
    qtbot.waitUntil(lambda: not page.session.draft, timeout=5_000)
    area.view.set_current(5)
    for _ in range(2):
        qtbot.keyClick(area.view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(area.view, Qt.Key.Key_Delete)
    assert area.editor.toPlainText() == "Hugo  "


def test_everything_follows_the_text_while_it_is_typed(page, qtbot):
    write(page, qtbot, text="Mira Toll ")
    page.text.suggestions.offer(["Mira Toll was born in"])
    area, panel = page.text.area, page.candidates
    qtbot.mouseClick(page.text.new, Qt.MouseButton.LeftButton)
    assert area.is_editing
    assert page.session.text == ""
    assert page.text.suggestions.isVisibleTo(page.text)
    assert not page.text.new.isEnabled()
    qtbot.keyClicks(area.editor, "Hugo")
    qtbot.waitUntil(lambda: len(page.session.tokens) == 4 and page.session.next is not None, timeout=5_000)
    assert panel._title.text() == "Next token after “Hugo”"
    assert page.text.meter.accessibleName() == "Context: 4 of 32 tokens"
    assert not page.text.suggestions.isVisibleTo(page.text)
    qtbot.keyClicks(area.editor, " was")
    qtbot.waitUntil(lambda: len(page.session.tokens) == 8 and page.session.next is not None, timeout=5_000)
    assert area.is_editing
    assert area.editor.toPlainText() == "Hugo was"
    qtbot.keyClick(area.editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(area.editor, Qt.Key.Key_Delete)
    assert page.session.text == ""
    assert page.text.suggestions.isVisibleTo(page.text)
    page.text.take_back()  # all that was typed since New is one change
    page.text.take_back()
    assert page.session.text.startswith("Mira Toll ")
    assert len(page.session.tokens) == len("Mira Toll ") + 8


def test_the_newest_line_stays_in_view_unless_the_reader_scrolled(page, qtbot):
    bar = page.text.area.view.verticalScrollBar()
    page.session.edit("Mira Toll was born in Anvik. " * 30)
    qtbot.waitUntil(lambda: not page.session.draft, timeout=5_000)
    bar.setValue(0)
    assert bar.maximum() > 0
    page.session.max_tokens = 120
    page.write()
    assert bar.value() == bar.maximum()
    qtbot.waitUntil(lambda: not page.session.writing, timeout=10_000)
    assert bar.value() == bar.maximum()
    page.session.write(60)
    bar.setValue(0)
    qtbot.waitUntil(lambda: not page.session.writing, timeout=10_000)
    assert bar.value() == 0


def test_escape_stops_and_keeps_what_came(page, qtbot):
    page.session.edit("Mira")
    page.session.max_tokens = 2000
    page.write()
    qtbot.waitUntil(lambda: any(token.is_written for token in page.session.tokens), timeout=5_000)
    assert page.stop_action.isEnabled()
    for button in (page.button, page.stop_button):
        visible = button.isVisible()
        button.setParent(page)  # the window's header would hold them
        button.setVisible(visible)
    page.stop_button.setFocus()
    page.stop_action.trigger()
    assert not page.session.writing
    assert page.focusWidget() is page.button
    count = len(page.session.tokens)
    qtbot.wait(100)
    assert len(page.session.tokens) == count < 2000


def test_looks_inside_the_text_in_view(page, qtbot, desk):
    write(page, qtbot, text="Mira Toll was born", count=4)
    page.show_mode(LOOK)
    qtbot.waitUntil(lambda: page.look.looks is not None, timeout=5_000)
    assert page.look.looks.weights.shape == (2, 2, 22, 22)
    with qtbot.waitSignal(desk.bus.inspect) as told:
        page.look.head.row_picked.emit(9)
    assert "does not prove" in told.args[0].note
    with qtbot.waitSignal(page.look.moved):
        page.look.mosaic.picked.emit(1, 1)
    page.session.select(12)
    assert page.look.head.row == 12
    assert not page.grab().isNull()
    page.show_mode(WRITE)


def test_an_error_stands_on_the_page_and_the_next_answer_takes_it_away(page, qtbot):
    good = page.session.source
    weights = next(Path(good.place).glob("*.safetensors"))
    data = weights.read_bytes()
    weights.write_bytes(data[:-10])
    page.session._engine.configure()
    page.write()
    qtbot.waitUntil(page.banner.isVisible, timeout=5_000)
    assert not page.session.writing
    assert page.banner.text()
    weights.write_bytes(data)
    page.write()
    qtbot.waitUntil(lambda: not page.banner.isVisible(), timeout=5_000)


def test_talks_to_the_model_while_it_learns(desk, trained, qtbot):
    shown = playground.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    shown.shown()
    desk.jobs.start(recipe(trained / "corpus.txt", 100_000))
    qtbot.waitUntil(lambda: bool(shown._sources), timeout=5_000)
    assert shown._sources[0].place is LIVE
    qtbot.waitUntil(lambda: shown.session.facts is not None, timeout=20_000)
    write(shown, qtbot, count=12)
    assert sum(token.is_written for token in shown.session.tokens) == 12
    text = shown.session.text
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=10_000)
    qtbot.waitUntil(lambda: shown.session.source.place is not LIVE, timeout=10_000)
    assert shown.session.text == text
    shown.hidden()


@pytest.mark.parametrize("state", ["running", "done", "paused", "failed"])
def test_rehearses_for_pictures(page, state):
    playground.rehearse(page, state)
    assert not page.grab().isNull()
    assert page.session.writing is (state == "running")
    page.session.writing = False
