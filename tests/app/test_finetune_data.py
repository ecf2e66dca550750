"""Where conversations come from, what was found in them, and what was not taken and why."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication

from app.pages.finetune.data_band import Band, Share
from app.pages.finetune.data_bubbles import MOST_CHARACTERS, Bubbles, said
from app.pages.finetune.data_list import ConversationModel, kind_words
from app.pages.finetune.data_reading import Look, Reading, reading, world_of
from app.pages.finetune.data_source import FILES, OWN, WORLD
from app.pages.finetune.data_topics import TopicBars
from app.pages.finetune.data_view import DataView
from app.pages.finetune.data_words import compact, shortened
from engine.control import Control
from engine.corpus.conversation import Conversation, Message
from engine.corpus.worlds.world import build_world
from engine.events import ArtifactReady, encode
from engine.pipeline.stage import Context
from engine.stages import conversations
from engine.store.artifact import making_artifact
from engine.store.run_folder import RunFolder

SECONDS = 20_000


def row(question: str, answer: str = "Yes.", **more) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **more})


@pytest.fixture
def dialogs(tmp_path):
    """30 sound rows, one twice, one that ends with the user, one of an unknown role, one that is no JSON."""
    rows = [row(f"Question {number}?", f"Answer {number}.") for number in range(30)]
    rows += [rows[3], json.dumps({"messages": [{"role": "user", "content": "?"}]}), rows[0].replace("user", "guest")]
    path = tmp_path / "dialogs.jsonl"
    path.write_text("\n".join([*rows, '{"messages": [']), encoding="utf-8")
    return path


@pytest.fixture
def view(desk, qtbot):
    shown = DataView(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    return shown


def settle(view, qtbot):
    qtbot.waitUntil(lambda: view._ticket is None, timeout=SECONDS)


def test_files_are_read_counted_and_listed(view, dialogs, qtbot):
    view.take_files([dialogs])
    settle(view, qtbot)
    counts = view.look.counts
    assert counts["train"] + counts["held_out"] == 30
    assert counts["duplicates"] == 1
    assert counts["rejected"] == 3
    assert view.look.form == "messages"
    assert "OpenAI messages" in view.panel.reason.text()
    assert "role and content" in view.panel.reason.text()
    assert view.problem() == ""
    assert view.recipe_tables() == {"conversations": {"source": "files", "paths": [str(dialogs)], "format": "auto"}}
    wrong = [view.browse.rejected.rows.cells(number)[:2] for number in range(4)]
    assert wrong[0] == ("dialogs.jsonl:31", "The same as dialogs.jsonl:4.")
    assert {source for source, _ in wrong} == {f"dialogs.jsonl:{line}" for line in (31, 32, 33, 34)}
    assert not list(dialogs.parent.glob("workspace/conversations/.preview-*"))


def test_rejected_rows_are_copied_with_their_lines(view, dialogs, desk, qtbot):
    view.take_files([dialogs])
    settle(view, qtbot)
    view.panel.picked.emit("rejected")
    assert view.browse.rejected.isVisible()
    with qtbot.waitSignal(desk.bus.notice) as told:
        view.browse._copy.click()
    assert "4 rows" in told.args[1]
    copied = QGuiApplication.clipboard().text().splitlines()
    assert len(copied) == 4
    assert copied[0].split("\t")[0] == "dialogs.jsonl:31"


def test_the_list_is_searched_and_one_is_chosen(view, dialogs, qtbot):
    view.take_files([dialogs])
    settle(view, qtbot)
    view.browse.search.setText("answer 17.")
    view.browse._filter()
    found = [view.browse.model.all[view.browse.model.position(0)]] if view.browse.model.rowCount() else []
    held = [c for c in view.look.held_out if "Answer 17." in c.messages[1].content]
    assert len(found) + len(held) == 1
    view.browse.search.setText("nobody says this")
    view.browse._filter()
    assert view.browse._none.isVisible()
    assert view.browse.bubbles.text() == ""


def test_labels_are_counted_and_one_that_stands_alone_is_told(view, tmp_path, qtbot):
    path = tmp_path / "reviews.csv"
    lines = ["text,sentiment", *(f"Visit {n} was fine,{'good' if n % 3 else 'bad'}" for n in range(40)), "Odd,mixed"]
    path.write_text("\n".join(lines), encoding="utf-8")
    view.take_files([path])
    settle(view, qtbot)
    assert view.look.labelled
    both = {label: view.look.kinds[label] + view.look.held_out_kinds[label] for label in ("good", "bad")}
    assert both == {"good": 26, "bad": 14}
    assert any("mixed" in notice for notice in view.look.notices)
    view.browse.facts.bars._pick("bad")
    assert view.browse.model.rowCount() == view.look.kinds["bad"]


def test_what_cannot_be_told_apart_is_asked(view, tmp_path, qtbot):
    path = tmp_path / "odd.jsonl"
    path.write_text('{"foo": "What?", "bar": "That."}\n' * 2 + '{"foo": "Who?", "bar": "She."}\n', encoding="utf-8")
    view.take_files([path])
    settle(view, qtbot)
    assert '"foo"' in view.problem()
    assert view.panel.columns.isVisible()
    view.panel.columns.question.setText("foo")
    view.panel.columns.answer.setText("bar")
    view.panel.format.choose("columns")
    view.panel.columns.answer.editingFinished.emit()
    settle(view, qtbot)
    assert view.problem() == ""
    assert view.recipe_tables()["conversations"]["answer_column"] == "bar"
    assert {c.messages[0].content for c in (*view.look.train, *view.look.held_out)} == {"What?", "Who?"}


def test_a_file_without_a_sound_row_says_which_and_why(view, tmp_path, qtbot):
    path = tmp_path / "bad.jsonl"
    path.write_text((row("") + "\n") * 3, encoding="utf-8")
    view.take_files([path])
    settle(view, qtbot)
    assert "No conversation could be read" in view.problem()
    assert view.browse.rejected.rows.rowCount() == 3
    assert view.browse.rejected.isVisible()


def test_while_files_are_read_nothing_is_said_of_those_before(view, dialogs, tmp_path, qtbot):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("nothing\n", encoding="utf-8")
    view.take_files([bad])
    settle(view, qtbot)
    assert view.problem()
    view.take_files([dialogs])
    assert view.is_reading and view.panel.words.text() == "Reading."
    assert view.browse.facts._none.isHidden()
    settle(view, qtbot)
    assert not view.is_reading and not view.problem()


def test_files_are_dropped(view, dialogs, qtbot):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dialogs)), QUrl.fromLocalFile(str(dialogs.with_suffix(".png")))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    view.dropEvent(QDropEvent(QPointF(QPoint(5, 5)), copy, data, left, none))
    settle(view, qtbot)
    assert view.recipe_tables()["conversations"]["paths"] == [str(dialogs)]
    assert view.panel.sources.current() == FILES


def make_world(workspace, name: str, people: int):
    folder = workspace.artifact_folder("corpus", name, "world", {"name": name}, {})
    with making_artifact(folder, kind="corpus", stage="world", config={}, parents={}) as draft:
        (draft.folder / "world.json").write_text(json.dumps(build_world(1, people).to_json()))
        draft.figures = {"people": people}
    return folder


def test_the_world_is_asked_about(desk, workspace, qtbot):
    make_world(workspace, "small", 12)
    view = DataView(desk)
    qtbot.addWidget(view)
    view.show_base(None)
    settle(view, qtbot)
    assert view.problem() == ""
    table = view.recipe_tables()["conversations"]
    assert (workspace.root / table["corpus"] / "world.json").is_file()
    assert view.look.count("train") > 100
    assert view.look.count("held_out") == sum(view.look.held_out_kinds.values())
    assert set(view.look.held_out_kinds) == {"question"}
    assert "12 people" in view.panel.words.text()


def test_the_world_of_the_base_is_asked_about_first(desk, workspace, qtbot):
    wanted = make_world(workspace, "first", 10)
    make_world(workspace, "second", 10)
    run = workspace.new_run_folder("toy")
    (run / "recipe.json").write_text("{}")
    stage = run / "1-world"
    stage.mkdir()
    told = wanted.relative_to(workspace.root).as_posix()
    event = ArtifactReady(kind="corpus", folder=told, reused=False, figures={})
    (stage / "events.jsonl").write_text(encode(event) + "\n")
    assert world_of(workspace, run) == wanted
    view = DataView(desk)
    qtbot.addWidget(view)
    view.show_base(run)
    settle(view, qtbot)
    assert view.recipe_tables()["conversations"]["corpus"].endswith(wanted.name)
    assert view.panel.worlds.count() == 2


def test_without_a_world_it_says_what_is_missing(view, qtbot):
    assert view.panel.sources.current() == WORLD
    assert "no world" in view.problem()
    assert view.no_world.isVisible()
    view.no_world.button.click()
    assert view.no_files.isVisible()
    assert view.problem() == "No files are chosen."


def test_what_the_inspector_says_of_a_part(view, dialogs, desk, qtbot):
    view.take_files([dialogs])
    settle(view, qtbot)
    band = view.panel.band
    place = next(box.center() for share, box in band.boxes() if share.kind == "duplicates")
    with qtbot.waitSignal(desk.bus.inspect) as told:
        band._set_hover(band._kind_at(place))
    assert told.args[0].rows[0][1] == "1"
    assert "kept once" in told.args[0].words


def test_conversations_of_ones_own_are_a_source(view, qtbot):
    view.choose_source(OWN)
    assert "None of your own" in view.problem()
    talks = [Conversation((Message("user", f"{n}?"), Message("assistant", f"{n}."))) for n in range(12)]
    view.own.drafts.take_in(talks)
    view.own.drafts.add()
    table = view.recipe_tables()["conversations"]
    settle(view, qtbot)
    assert table["format"] == "messages"
    assert len((view.own.path).read_text(encoding="utf-8").splitlines()) == 13
    assert view.look.count("train") + view.look.count("held_out") == 12
    assert view.look.count("rejected") == 1
    assert view.problem() == ""


def test_what_a_run_learned_from_is_read_back(view, dialogs, workspace, tmp_path, qtbot):
    run = workspace.new_run_folder("tuned")
    stage = RunFolder(run / "1-conversations")
    stage.path.mkdir()
    config = conversations.Config(source="files", paths=(str(dialogs),))
    events = list(conversations.run(config, Context(workspace, stage, Control(), "tuned")))
    stage.events_path.write_text("".join(encode(event) + "\n" for event in events), encoding="utf-8")
    dialogs.unlink()  # the truth is what lies in the workspace
    view.show_run(run)
    settle(view, qtbot)
    assert view.look.count("train") + view.look.count("held_out") == 30
    assert view.look.count("duplicates") == 1
    assert not view.panel.sources.isVisible()
    assert view.browse.isVisible()
    assert view.recipe_tables()["conversations"]["source"] == "world"  # what was chosen stays chosen
    view.show_run(workspace.new_run_folder("other"))
    assert "not made yet" in view.panel.words.text()
    view.show_run(None)
    assert view.panel.sources.isVisible()
    assert "no world" in view.problem()


def test_the_query_tells_how_far_it_is(workspace, dialogs):
    from app.jobs.query import EngineSide

    items = list(reading({"source": "files", "paths": [str(dialogs)]})(EngineSide(workspace)))
    assert isinstance(items[-1], Look)
    assert all(isinstance(item, Reading) for item in items[:-1])
    assert not list((workspace.root / "conversations").glob(".preview-*"))


def test_a_query_that_is_closed_leaves_nothing(workspace, dialogs):
    from app.jobs.query import EngineSide

    stream = reading({"source": "files", "paths": [str(dialogs)]})(EngineSide(workspace))
    next(stream)
    stream.close()
    assert not list((workspace.root / "conversations").glob(".preview-*"))


def test_bubbles_show_every_role_and_long_texts(qtbot):
    bubbles = Bubbles()
    qtbot.addWidget(bubbles)
    bubbles.resize(400, 300)
    call = {"tool_calls": [{"function": {"name": "sum"}}]}
    messages = (
        Message("system", "Be brief."),
        Message("user", "word " * MOST_CHARACTERS),
        Message("assistant", "", call),
        Message("tool", "4", {"name": "sum"}),
        Message("assistant", "<b>Four</b> \u202e4\n\n\U0001f98a"),
    )
    bubbles.show_messages(messages, ("4",))
    bubbles.show()
    assert not bubbles.grab().isNull()
    assert '"name": "sum"' in said(messages[2])
    bubbles.verticalScrollBar().setValue(bubbles.verticalScrollBar().maximum())
    assert not bubbles.grab().isNull()
    assert "<b>Four</b>" in bubbles.text()


def test_the_band_shows_even_a_few(qtbot):
    band = Band()
    qtbot.addWidget(band)
    band.resize(400, 62)
    band.show_shares(
        [Share("train", "to train on", 10**6), Share("held_out", "held out", 0), Share("rejected", "no", 1)]
    )
    boxes = band.boxes()
    assert [share.kind for share, _ in boxes] == ["train", "rejected"]
    assert boxes[1][1].width() >= 3
    assert boxes[1][1].right() <= 400.5
    assert not band.grab().isNull()


def test_topics_are_picked_by_the_keyboard(qtbot):
    bars = TopicBars()
    qtbot.addWidget(bars)
    bars.show_counts({"greeting": 2, "question": 9, "": 4})
    picked = []
    bars.chosen.connect(picked.append)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    qtbot.keyClick(bars, Qt.Key.Key_Escape)
    assert picked == ["question", "greeting", ""]


def test_rows_of_the_list():
    model = ConversationModel()
    one = Conversation((Message("user", " Hello\nthere "), Message("assistant", "Hi")), topic="greeting")
    model.show([one, Conversation((Message("user", "x"),))])
    assert model.index(0).data() == "Hello there"
    assert kind_words(model.all[1]) == "1 turn"
    model.filter("", "greeting")
    assert model.rowCount() == 1
    assert model.row_of(1) == -1


def test_words():
    assert compact(9_999) == "9,999"
    assert compact(10_608) == "10.6k"
    assert compact(2_345_678) == "2.3m"
    assert shortened("a" * 40 + ".jsonl:12", 12) == "…aa.jsonl:12"
