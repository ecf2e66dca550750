"""The views beside See, over a real desk, a corpus that was really cut, and tokenizers that were really trained."""

from __future__ import annotations

import re

import pytest

from app.pages import tokenizer as module
from app.pages.tokenizer.browse_words import Doubt
from app.pages.tokenizer.compare_panel import first_words
from app.pages.tokenizer.comparison import compare
from app.pages.tokenizer.lessons import LESSONS
from app.pages.tokenizer.open_tokenizer import OpenTokenizerDialog
from app.pages.tokenizer.template_query import write
from app.pages.tokenizer.training import TrainingTold, make_recipe
from app.pages.tokenizer.view import Chosen
from app.pages.tokenizer.view_stack import BROWSE, COMPARE, TEMPLATES, TRAIN
from engine.control import Control
from engine.corpus.conversation import Message
from engine.events import CompressionMeasured, MergeLearned, Progress, RunState, StateChanged
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import load_tokenizer

MERGES = [(b" ", b"s"), (b"t", b"r"), (b" s", b"tr"), (b"a", b"w"), (b" str", b"aw")]
TABLES = {
    "world": {"people": 20, "documents": 300},
    "train_tokenizer": {"vocab_size": 320},
    "tokenize": {},
}


@pytest.fixture
def cut(workspace):
    """A world, a tokenizer of it and its shards."""
    recipe = recipe_from_json({"name": "small", "description": "", "stages": TABLES})
    for _ in RecipeRun.create(workspace, recipe).work(Control()):
        pass
    return workspace


@pytest.fixture
def page(cut, desk, qtbot):
    shown = module.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 760)
    shown.show()
    shown.shown()
    yield shown
    shown.hidden()


def chosen(tokenizer, name="one"):
    return Chosen(name, "", None, tokenizer)


def test_a_comparison_marks_the_tokens_where_cuts_differ():
    found = compare([chosen(BpeTokenizer(MERGES)), chosen(BpeTokenizer(MERGES[:2]))], "a straw b")
    first, second = found.sides
    assert [span.data for span in first.spans] == [b"a", b" straw", b" ", b"b"]
    assert first.marked == {1}
    assert {second.spans[index].data for index in second.marked} == {b" s", b"tr", b"a", b"w"}
    assert found.ranges == ((1, 7),)
    assert found.words() == "1 span disagrees"
    assert compare([chosen(ByteTokenizer())], "a").words() == ""


def test_see_compares_with_another_and_opens_the_whole_comparison(page, qtbot):
    assert page.compare.comparison is not None
    assert len(page.compare.comparison.sides) == 2
    page.text.editor.take("Mira lives here")
    page.read()
    assert page.compare.comparison.text == "Mira lives here"
    page.grab()
    page.compare.more_button.click()
    assert page.segments.current() == COMPARE
    view = page.view(COMPARE)
    assert len(view.comparison.sides) == 2
    view.take_sample(4)
    assert "299792458" in view.comparison.text
    assert [row[0] for row in view.context.rows] == ["small", "bytes"]
    assert view.context.rows[0][3] == "1.00×"
    cost = float(view.context.rows[1][2].removeprefix("$ "))
    assert cost == pytest.approx(view.comparison.sides[1].measures.tokens_per_word * 0.1, abs=0.01)
    view.rows[1].remove.click()
    assert len(view.comparison.sides) == 1
    view.add_place(None)
    assert len(view.comparison.sides) == 2
    page.grab()


def test_browse_counts_finds_and_shows_places(page, qtbot):
    page.show_view(BROWSE)
    view = page.view(BROWSE)
    qtbot.waitUntil(lambda: view.vocabulary is not None, timeout=8000)
    counted = view.vocabulary.counted
    assert sum(entry.count for entry in view.vocabulary.entries) == counted.tokens
    view.search.setText("^ [a-z]+$")
    view.regex.setChecked(True)
    qtbot.waitUntil(lambda: 0 < view.table.tokens.rowCount() < 320)
    assert all(re.fullmatch(" [a-z]+", entry.text) for entry in view.table.tokens.rows)
    view.table.sortByColumn(4, view.table.horizontalHeader().sortIndicatorOrder().DescendingOrder)
    view.table.pick(0)
    best = view.table.tokens.rows[0]
    assert best.count == max(entry.count for entry in view.table.tokens.rows)
    qtbot.waitUntil(lambda: len(view.places.places.places) == min(best.count, 200), timeout=8000)
    assert {place.text for place in view.places.places.places} == {best.text}
    page.grab()
    view.search.setText("(")
    qtbot.waitUntil(lambda: "no expression" in view.words.text())
    view.regex.setChecked(False)
    view.search.clear()
    view.doubts._group.button(list(Doubt).index(Doubt.UNUSED)).click()
    qtbot.waitUntil(lambda: all(entry.count == 0 for entry in view.table.tokens.rows))


def test_train_learns_another_tokenizer_of_the_same_corpus(page, desk, cut, qtbot):
    page.show_view(TRAIN)
    view = page.view(TRAIN)
    assert view.start.isEnabled()
    view.form.rows["vocab_size"].enter("280")
    view.form.rows["kind"].enter("bpe")
    view.begin()
    qtbot.waitUntil(lambda: view.told.state is RunState.DONE, timeout=30_000)
    assert len(cut.artifacts("corpus")) == 1  # the corpus was found, not made again
    qtbot.waitUntil(lambda: len(cut.artifacts("tokenizer")) == 2)
    assert view.learned.value() == "23"
    assert view.told.curve[-1][0] == 280
    page.grab()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=30_000)
    assert page.choice.tokenizer.vocab_size == 280


def test_a_pattern_that_is_no_expression_cannot_start(page):
    page.show_view(TRAIN)
    view = page.view(TRAIN)
    view.form.rows["vocab_size"].enter("12")
    assert not view.start.isEnabled()
    assert "out of bounds" in view.cost.text()


def test_what_training_told_becomes_numbers():
    told = TrainingTold()
    told.take(
        [StateChanged(state="running"), Progress(seconds=1.0, done=0, total=100, unit="merges", message="Learning")]
    )
    assert told.left is None
    told.take([Progress(seconds=3.0, done=25, total=100, unit="merges", message="Learning")])
    assert told.left == pytest.approx(6.0)
    told.take([MergeLearned(step=1, left="a", right="b", joined="ab", token_id=257)])
    told.take([CompressionMeasured(step=1, vocab_size=258, bytes_per_token=1.1), StateChanged(state="done")])
    assert told.curve == [(258, 1.1)]
    assert not told.at_work


def test_the_recipe_takes_the_corpus_as_it_was_made(cut):
    (corpus,) = cut.artifacts("corpus")
    recipe = make_recipe(corpus, {"vocab_size": 300}, count=False)
    assert [spec.name for spec in recipe.stages] == ["world", "train_tokenizer"]
    assert recipe.name == "small"


def test_a_template_writes_turns_and_what_is_learned():
    messages = [Message("user", "hi <|end_turn|>"), Message("assistant", "yes")]
    written = write(ByteTokenizer(), messages)
    roles = [turn.role for turn in written.turns]
    assert roles[-2:] == ["user", "assistant"]
    answer = written.turns[-1]
    assert answer.trained == len("yes") + 1  # and the mark that ends it
    typed = "".join(chip.text for chip in written.turns[-2].chips if not chip.special)
    assert typed == "hi <|end_turn|>"
    assert written.turns[-2].trained == 0


def test_templates_follow_the_chosen_tokenizer(page, qtbot):
    page.show_view(TEMPLATES)
    view = page.view(TEMPLATES)
    qtbot.waitUntil(lambda: view.written is not None)
    before = view.written.tokens
    page.grab()
    page.choice.choose_folder(None)
    qtbot.waitUntil(lambda: view.written.tokens > before)
    view.editors[-1].setPlainText("")
    qtbot.waitUntil(lambda: len(view.messages()) == 4 and view.written.turns[-1].role == "user")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_lesson_is_answered_with_the_tokenizer_at_hand(page, desk, lesson, qtbot):
    for folder in (page.choice.currentData(), None):
        page.choice.choose_folder(folder)
        with qtbot.waitSignal(desk.bus.inspect) as told:
            page.teach(lesson)
        inspection = told.args[0]
        assert inspection.title == lesson.question
        assert inspection.table.rows
        assert page.text.editor.text() == lesson.text
        assert page.replay.data in lesson.text.encode()


def test_letters_are_counted_in_each_token():
    straw = BpeTokenizer(MERGES)
    inspection = LESSONS[0].explain(straw)
    assert [row[1] for row in inspection.table.rows] == ["␣straw", "b", "e", "r", "r", "y"]
    assert sum(int(row[2]) for row in inspection.table.rows) == 3
    assert "one for each of `␣straw`, `b`" in inspection.words
    assert "count the 3 r" in LESSONS[0].explain(ByteTokenizer()).words


def test_the_space_at_the_end_is_harmless_where_it_is_a_token():
    assert "does no harm" in LESSONS[2].explain(ByteTokenizer()).words


def test_the_saved_tokenizer_is_the_one_that_is_shown(page, cut):
    newest = cut.artifacts("tokenizer")[0]
    assert page.choice.tokenizer.hash == load_tokenizer(newest.folder).hash


def test_a_tokenizer_from_elsewhere_is_opened_and_chosen(page, cut, tmp_path, qtbot):
    source = cut.artifacts("tokenizer")[0].folder
    foreign = tmp_path / "borrowed"
    foreign.mkdir()
    (foreign / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    page.open(foreign / "tokenizer.json")
    qtbot.waitUntil(lambda: page.choice.currentText() == "borrowed", timeout=8000)
    page.open("Compare")
    assert page.segments.current() == COMPARE


def test_what_is_no_tokenizer_is_refused_in_words(page, tmp_path, qtbot):
    path = tmp_path / "broken.tiktoken"
    path.write_text("no ranks")
    page.open_tokenizer(str(path))
    (dialog,) = page.findChildren(OpenTokenizerDialog)
    qtbot.waitUntil(lambda: "encoding has to be named" in dialog.words.text(), timeout=8000)
    assert dialog.open_button.isEnabled()
    dialog.reject()


def test_the_small_comparison_takes_whole_words():
    assert first_words("a straw b", 80) == "a straw b"
    assert first_words("a straw bread", 8) == "a straw"
    assert first_words("a straw bread", 7) == "a straw"
    assert first_words("strawberry", 4) == "stra"


def test_where_no_other_tokenizer_is_the_comparison_offers_to_train_one(desk, qtbot):
    shown = module.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 760)
    shown.show()
    assert shown.compare.alone.isVisible()
    shown.compare.alone.button.click()
    assert shown.segments.current() == TRAIN
    assert "no corpus yet" in shown.view(TRAIN).cost.text()
    assert not shown.view(TRAIN).start.isEnabled()


def test_cancel_ends_learning_and_keeps_nothing(page, desk, cut, qtbot):
    page.show_view(TRAIN)
    view = page.view(TRAIN)
    view.form.rows["kind"].enter("unigram")
    view.form.rows["vocab_size"].enter("1000")
    view.begin()
    qtbot.waitUntil(lambda: not view.cancel.isHidden(), timeout=8000)
    view.cancel.click()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=8000)
    assert view.told.state is RunState.STOPPED
    assert "nothing is kept" in view.now._subtitle.text()
    assert view.start.isVisible()
    assert len(cut.artifacts("tokenizer")) == 1


def test_the_chosen_tokenizer_is_saved_for_other_programs(page, desk, tmp_path, qtbot):
    transformers = pytest.importorskip("transformers")
    with qtbot.waitSignal(desk.bus.notice, timeout=8000) as told:
        page.save_in(tmp_path / "saved")
    assert str(tmp_path / "saved") in told.args[1]
    other = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    text = "Mira Toll was born in Anvik."
    assert other.encode(text, add_special_tokens=False) == page.choice.tokenizer.encode(text)
