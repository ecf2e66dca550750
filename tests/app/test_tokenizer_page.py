"""The page over a real desk and a tokenizer that was really trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from app.pages import tokenizer as module
from app.pages.tokenizer.cut import MOST_BYTES, cut
from app.pages.tokenizer.inspections import card, of_token
from app.pages.tokenizer.merge_tree import plant
from engine.events import ArtifactReady
from engine.store.artifact import making_artifact
from engine.tokenizer.byte_alphabet import written
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.merges import replay_token
from engine.tokenizer.tokenizer import Tokenizer, save_tokenizer

ROOT = Path(__file__).resolve().parents[2]
MERGES = [(b" ", b"s"), (b"t", b"r"), (b" s", b"tr"), (b"a", b"w"), (b" str", b"aw")]


def store(workspace, name: str, tokenizer: Tokenizer) -> Path:
    folder = workspace.artifact_folder("tokenizer", name, "train_tokenizer", {"name": name}, {})
    with making_artifact(folder, kind="tokenizer", stage="train_tokenizer", config={}, parents={}) as draft:
        save_tokenizer(tokenizer, draft.folder)
        draft.figures = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size}
    return folder


@pytest.fixture
def bpe() -> BpeTokenizer:
    return BpeTokenizer(MERGES)


@pytest.fixture
def page(desk, workspace, bpe, qtbot):
    store(workspace, "straw", bpe)
    shown = module.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    shown.shown()
    yield shown
    shown.hidden()


def type_text(page, text: str) -> None:
    page.text.editor.take(text)
    page.read()


def shown_ids(page) -> list[int]:
    return [chip.token_id for chip in page.text.own.view.tokens]


@pytest.mark.parametrize(
    "text", ["a straw", "naïve 👩‍👧 🙂", "<|end|>", "a\u00a0b", "tab\tand\n\nlines\n", "\x00\x07", "中文"]
)
def test_chips_are_the_ids_of_the_tokenizer(page, bpe, text):
    type_text(page, text)
    assert shown_ids(page) == bpe.encode(text)
    assert b"".join(chip.data for chip in page.text.own.view.tokens) == text.encode()
    assert bpe.end_id not in shown_ids(page)
    page.grab()


def test_typing_shows_chips_by_itself(page, qtbot):
    page.text.editor.insertPlainText("straw")
    qtbot.waitUntil(lambda: page.text.own.isVisible(), timeout=2000)
    assert page.counts.tokens.value() == "3"
    page.text.editor.take("")
    qtbot.waitUntil(lambda: not page.text.own.isVisible(), timeout=2000)


def test_counts_of_the_own_text(page):
    type_text(page, "a straw 🙂")
    assert page.counts.bytes.value() == "12"
    assert page.counts.characters.value() == "9"
    assert page.text.own.figures == "7 tokens, 1.71 bytes each"


def test_a_cut_knows_how_many_words_a_context_holds(bpe):
    counted = cut(bpe, "a straw a straw")
    assert counted.tokens_per_word == pytest.approx(5 / 4)
    assert counted.words_in(128) == 102
    assert cut(bpe, "").words_in(128) == 0


def test_card_and_inspector_tell_how_a_token_was_learned(page, desk, qtbot):
    type_text(page, "a straw")
    with qtbot.waitSignal(desk.bus.inspect) as told:
        page.point_at(page.text.own, 1)
    text = page.card.text
    assert (text.title, text.token_id, text.data) == ("␣straw", 260, b" straw")
    assert text.learned == ("learned as merge", "5")
    assert page.card.isVisible()
    page.grab()
    inspection = told.args[0]
    assert inspection.title == "␣straw"
    assert [row[0] for row in inspection.table.rows] == ["1", "2", "3", "4", "5"]
    assert inspection.table.rows[-1] == ("5", "␣str", "aw", "␣straw")
    page.point_at(page.text.own, -1)
    assert not page.card.isVisible()


def test_a_piece_of_a_split_character_is_named_by_its_byte(page):
    type_text(page, "ü")
    chip = page.text.own.chip(0)
    assert card(page.learned, chip).title == "⟨C3⟩"
    assert "part of a character" in of_token(page.learned, chip).words
    page.point_at(page.text.own, 0)
    page.grab()


def test_copies_ids_and_tokens(page, bpe):
    type_text(page, "a straw")
    page.copy_ids()
    assert json.loads(QGuiApplication.clipboard().text()) == bpe.encode("a straw")
    page.copy_tokens()
    assert QGuiApplication.clipboard().text() == "97\ta\n260\t␣straw"
    assert {"Copy ids", "Copy tokens"} <= {action.text() for action in page.actions()}


def test_without_an_own_text_the_examples_are_copied(page):
    page.copy_ids()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 4


def test_bytes_need_no_run(desk, qtbot):
    shown = module.build(desk)
    qtbot.addWidget(shown)
    shown.show()
    assert shown.choice.currentText() == "bytes"
    type_text(shown, "ab")
    assert shown_ids(shown) == [97, 98]
    assert card(shown.learned, shown.text.own.chip(0)).learned == ("kind", "one byte")
    assert of_token(shown.learned, shown.text.own.chip(0)).table is None


def test_a_new_tokenizer_of_a_run_is_offered_and_shown(desk, workspace, bpe, qtbot):
    shown = module.build(desk)
    qtbot.addWidget(shown)
    type_text(shown, "a straw")
    folder = store(workspace, "fresh", bpe)
    event = ArtifactReady(kind="tokenizer", folder=str(folder), reused=False, figures={})
    desk.feed.events.emit(0, "train_tokenizer", [event])
    assert shown.choice.currentText() == "fresh"
    assert shown_ids(shown) == bpe.encode("a straw")


def test_a_choice_by_hand_stays(page, desk, workspace, bpe):
    page.choice.choose_folder(None)
    type_text(page, "straw")
    assert len(shown_ids(page)) == 5
    store(workspace, "newer", BpeTokenizer(MERGES[:2]))
    page.shown()
    assert page.choice.count() == 3
    assert page.choice.currentText() == "bytes"
    assert page.replay.isHidden()
    straw = next(a.folder for a in workspace.artifacts("tokenizer") if a.folder.name.startswith("straw"))
    page.choice.choose_folder(straw)
    store(workspace, "newest", BpeTokenizer(MERGES[:1]))
    page.shown()
    assert page.choice.currentText() == "straw"
    assert page.replay.isVisible()


def test_a_damaged_tokenizer_is_named_and_bytes_stand_in(page, desk, workspace, bpe, qtbot):
    folder = store(workspace, "broken", BpeTokenizer(MERGES[:3]))
    good = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(good.replace(written(b" s"), written(b" x")))
    page.shown()
    with qtbot.waitSignal(desk.bus.error) as told:
        page.choice.choose_folder(folder)
    assert "cannot be used" in told.args[0].what
    assert page.choice.tokenizer.kind == "byte"
    type_text(page, "a")
    assert shown_ids(page) == [97]


def test_a_long_text_is_cut_by_the_engine_and_has_the_room_to_itself(page, bpe, qtbot):
    text = "a straw in the wind\n" * 3000
    type_text(page, text)
    assert page.text.said == "The text is being cut."
    qtbot.waitUntil(lambda: page.text.said == "", timeout=10_000)
    assert page.text.own.cut.ids.tolist() == bpe.encode(text)
    assert len(page.text.own.view.tokens) == len(page.text.own.cut.ids)
    assert page.text.examples[0].isHidden()
    type_text(page, "a")
    assert page.text.examples[0].isVisible()


def test_beyond_the_limit_a_sentence_says_so(page):
    type_text(page, "a")
    QGuiApplication.clipboard().setText("b" * (MOST_BYTES + 1))
    page.text.editor.paste()
    assert "takes up to 10 MB" in page.text.said
    assert page.text.editor.text() == "a"
    type_text(page, "ab")
    assert page.text.said == ""


def test_a_paste_that_is_too_long_to_edit_is_held_until_a_person_types(page, qtbot):
    long = "b" * 30_000
    QGuiApplication.clipboard().setText(long)
    page.text.editor.paste()
    assert page.text.editor.text() == long
    assert "30,000 characters" in page.text.editor.placeholderText()
    qtbot.keyClicks(page.text.editor, "x")
    assert page.text.editor.text() == "x"
    assert page.text.editor.placeholderText().startswith("Type or paste")


def test_imports_no_torch():
    code = """import app.pages.tokenizer, sys; early = 'numpy' in sys.modules
import app.pages.tokenizer.page; sys.exit(early or 'torch' in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_a_picked_token_is_replayed_merge_by_merge(page):
    type_text(page, "a straw")
    page.pick(page.text.own, 1)
    replay = page.replay
    assert (replay.data, len(replay.steps), replay.done) == (b" straw", 5, 5)
    replay.back.click()
    assert replay.done == 4
    replay.slider.set_number(0)
    assert not replay.back.isEnabled()
    page.grab()
    page.pick(page.text.own, 0)
    assert replay.steps == []
    assert replay.slider.isHidden()
    page.grab()


def test_the_tree_ends_in_the_token(bpe):
    steps = replay_token(bpe, bpe.ids[b" straw"])
    nodes = plant(6, steps, 10.0)
    assert [node.order for node in nodes] == [0] * 6 + [1, 2, 3, 4, 5]
    assert (nodes[-1].start, nodes[-1].end) == (0, 6)
    assert nodes[-1].children == (8, 9)
    assert replay_token(bpe, 97) == []
