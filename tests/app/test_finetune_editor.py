"""Conversations of one's own: written, taken back, kept, taken in and given out."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from app.pages.finetune.editor_model import Drafts
from app.pages.finetune.editor_panel import EditorPanel
from app.pages.finetune.editor_problem import problem_at
from app.pages.finetune.editor_store import load, place_of, save
from app.pages.finetune.editor_turn import Turn
from app.pages.finetune.editor_turns import EMPTY, moved, next_role, with_role, with_text, with_turn, without_turn
from app.pages.finetune.editor_view import EditorView
from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError

TALK = Conversation((Message("user", "Where is the ferry?"), Message("assistant", "In the fog.")))


def written(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def drafts(qtbot, workspace):
    drafts = Drafts()
    drafts.open(place_of(workspace))
    yield drafts
    drafts.flush()


@pytest.fixture
def view(desk, workspace, qtbot):
    shown = EditorView(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 600)
    shown.show()
    shown.open()
    yield shown
    shown.close()


def test_turns_change_without_touching_the_rest():
    longer = with_turn(TALK, 0, Message("system", "Be brief."))
    assert [m.role for m in longer.messages] == ["system", "user", "assistant"]
    assert without_turn(longer, 0) == TALK
    assert [m.content for m in moved(TALK, 0, 1).messages] == ["In the fog.", "Where is the ferry?"]
    assert moved(TALK, 0, -1) is TALK
    assert with_text(TALK, 1, "Here.").messages[1] == Message("assistant", "Here.")
    assert next_role(TALK) == "user"
    called = Conversation((Message("assistant", "", {"tool_calls": [{}], "name": "a"}),))
    assert with_role(called, 0, "user").messages[0].extra == {"name": "a"}


@pytest.mark.parametrize(
    ("messages", "turn"),
    [
        ((Message("user", "a"), Message("assistant", " ")), 1),
        ((Message("user", "a"), Message("user", "b"), Message("assistant", "c")), 1),
        ((Message("user", "a"), Message("assistant", "b"), Message("system", "c")), 2),
        ((Message("user", "a"), Message("tool", "b"), Message("assistant", "c")), 1),
        ((Message("customer", "a"), Message("assistant", "b")), 0),
        ((Message("user", "a"),), -1),
        ((), -1),
    ],
)
def test_a_problem_is_told_at_its_turn(messages, turn):
    found = problem_at(Conversation(messages))
    assert found.turn == turn
    assert found.words


def test_a_sound_conversation_has_no_problem():
    assert problem_at(TALK).words == ""


def test_what_was_written_survives(drafts, workspace, qtbot):
    drafts.take_in([TALK])
    drafts.add()
    drafts.change(with_text(EMPTY, 0, "Half a thought, with a bell \u0007 and a no-break space\u00a0."), "", typing=0)
    drafts.flush()
    again = Drafts()
    assert again.open(place_of(workspace)) is None
    assert [c.messages for c in again.conversations] == [c.messages for c in drafts.conversations]
    assert again.complete() == 1
    assert [set(line) for line in written(place_of(workspace))] == [{"messages"}, {"messages"}]


def test_it_is_saved_by_itself_soon(drafts, workspace, qtbot):
    drafts.add()
    qtbot.waitUntil(lambda: place_of(workspace).is_file(), timeout=2_000)
    assert len(written(place_of(workspace))) == 1


def test_changes_are_taken_back_in_order(drafts):
    drafts.add()
    drafts.change(with_text(EMPTY, 0, "a"), "the typing", typing=0)
    drafts.change(with_text(EMPTY, 0, "ab"), "the typing", typing=0)  # the same stroke of typing
    drafts.duplicate()
    drafts.remove()
    assert drafts.undo() == "the deletion"
    assert len(drafts.conversations) == 2
    drafts.undo()
    assert drafts.undo() == "the typing"
    assert drafts.current == EMPTY
    drafts.redo()
    assert drafts.current.messages[0].content == "ab"
    while drafts.undo():
        pass
    assert drafts.conversations == ()


def test_order_of_conversations(drafts):
    other = with_text(TALK, 0, "Other")
    drafts.take_in([TALK, other])
    drafts.choose(1)
    drafts.shift(-1)
    assert drafts.conversations[0].messages == other.messages
    assert drafts.chosen == 0
    drafts.shift(-1)
    assert drafts.chosen == 0


def test_a_damaged_file_is_put_aside(workspace):
    path = place_of(workspace)
    save(path, [TALK])
    path.write_bytes(
        path.read_bytes() + b'{"messages": [{"role": "us\n[1]\n{"messages": [{"role": 1, "content": 2}]}\n'
    )
    stored = load(path)
    assert [c.messages for c in stored.conversations] == [TALK.messages]
    assert stored.broken is not None
    assert stored.broken.read_bytes() == path.read_bytes()


def test_a_file_too_large_for_the_editor_stays_as_it_is(workspace):
    path = place_of(workspace)
    path.write_bytes(b" " * (5 * 2**20))
    with pytest.raises(CutawayError, match="too large"):
        load(path)
    assert path.stat().st_size == 5 * 2**20


def test_nothing_is_lost_when_it_cannot_be_saved(drafts, workspace, qtbot):
    drafts.take_in([TALK])
    drafts.path = workspace.root / "workspace.json" / "no-folder.jsonl"
    with qtbot.waitSignal(drafts.failed):
        drafts.flush()
    assert len(drafts.conversations) == 1
    drafts.path = place_of(workspace)
    drafts.flush()
    assert len(written(drafts.path)) == 1


def test_writing_in_the_panel(drafts, qtbot):
    panel = EditorPanel(drafts)
    qtbot.addWidget(panel)
    panel.resize(600, 600)
    panel.show()
    assert panel.turns == []
    panel.empty.button.click()
    assert [turn.role.currentData() for turn in panel.turns] == ["user", "assistant"]
    assert "empty" in panel.turns[0].problem
    panel.turns[0].text.setFocus()
    qtbot.keyClicks(panel.turns[0].text, "Hello")
    assert panel.turns[0].problem == ""
    assert "empty" in panel.turns[1].problem
    qtbot.keyClicks(panel.turns[1].text, "Hi")
    assert [turn.problem for turn in panel.turns] == ["", ""]
    assert drafts.complete() == 1
    qtbot.keyClick(panel.turns[1].text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert [turn.role.currentData() for turn in panel.turns] == ["user", "assistant", "user"]
    panel.turns[2].bin.click()
    assert len(panel.turns) == 2
    panel.undo()
    assert len(panel.turns) == 3


def test_a_role_is_changed_and_a_turn_moved(drafts, qtbot):
    drafts.take_in([TALK])
    panel = EditorPanel(drafts)
    qtbot.addWidget(panel)
    panel.turns[1].down.click()
    assert drafts.current.messages == TALK.messages  # it is the last one
    panel.turns[1].up.click()
    assert "before any user" in panel.turns[0].problem
    panel.turns[0].role.choose("user")
    panel.turns[0].role.activated.emit(1)
    assert [m.role for m in drafts.current.messages] == ["user", "user"]
    panel.add_turn("system")
    assert [m.role for m in drafts.current.messages] == ["system", "user", "user"]


def test_a_deleted_conversation_comes_back(view, desk, qtbot):
    view.drafts.take_in([TALK])
    with qtbot.waitSignal(desk.bus.undo) as offered:
        view.remove()
    assert view.drafts.conversations == ()
    offered.args[1]()
    assert view.drafts.current.messages == TALK.messages


def test_taking_in_a_file_and_giving_it_out(view, desk, tmp_path, qtbot):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(TALK.to_json()) + '\n{"messages": []}\n', encoding="utf-8")
    with qtbot.waitSignal(desk.bus.notice) as told:
        view.take_in([path])
    assert "Added: 1 conversation." in told.args[1]
    assert "Not taken: 1 row;" in told.args[1]
    view.drafts.add()  # not complete, so it stays here
    view.export(tmp_path / "out.jsonl")
    assert [line["messages"][1]["content"] for line in written(tmp_path / "out.jsonl")] == ["In the fog."]


def test_the_list_says_which_are_not_complete(view):
    view.drafts.take_in([TALK])
    view.drafts.add()
    assert list(view.model.sound) == [True, False]
    view.search.setText("ferry")
    assert view.model.rowCount() == 1


def test_the_place_of_a_warning_is_kept_when_it_goes(qtbot):
    turn = Turn(Message("user", "Why?"), first=True, last=False)
    qtbot.addWidget(turn)
    turn.resize(500, 200)
    turn.show()
    heights = []
    for words in ("", "Turn 1 is empty.", ""):
        turn.set_problem(words)
        turn.layout().activate()
        heights.append(turn.sizeHint().height())
    assert len(set(heights)) == 1, heights
