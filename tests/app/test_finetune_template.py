"""The tokens of a conversation before training: which are trained and why, what fits, and how rows are filled."""

from __future__ import annotations

import json

import pytest

from app.jobs.query import EngineSide
from app.pages.finetune.mask_counts import MaskRows
from app.pages.finetune.mask_inspections import of_token
from app.pages.finetune.mask_rows import PackedRows
from app.pages.finetune.template_query import Counted, Packing, counting, masked, open_source, opened, packing, runs
from app.pages.finetune.template_view import TemplateView
from app.theme.palette import DARK, LIGHT
from app.widgets.token_view_colour import Colouring, Shades
from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError
from engine.store.artifact import making_artifact
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import save_tokenizer

TALK = Conversation(
    (
        Message("system", "Be brief."),
        Message("user", "Say <|end_turn|> to me"),
        Message("assistant", "Hi", {"tool_calls": [{"function": {"name": "sum", "arguments": "{}"}}]}),
        Message("tool", "4"),
        Message("assistant", "Four."),
    )
)


@pytest.fixture
def source():
    return opened(ByteTokenizer(), None, "toy", 512)


@pytest.fixture
def run(workspace):
    """A run with one checkpoint, as far as this view reads it: a tokenizer, a context, no weights."""
    folder = workspace.artifact_folder("tokenizer", "toy", "train_tokenizer", {}, {})
    with making_artifact(folder, kind="tokenizer", stage="train_tokenizer", config={}, parents={}) as draft:
        save_tokenizer(ByteTokenizer(), draft.folder)
    run = workspace.runs / "toy-20260101-000000"
    checkpoint = run / "1-pretrain" / "checkpoints" / "step-000010"
    checkpoint.mkdir(parents=True)
    (run / "recipe.json").write_text("{}")
    state = {"tokenizer": folder.relative_to(workspace.root).as_posix(), "model": {"context_length": 64}}
    (checkpoint / "state.json").write_text(json.dumps(state))
    (checkpoint / "manifest.json").write_text(json.dumps({"step": 10, "files": {}}))
    return run


@pytest.fixture
def table(tmp_path):
    lines = []
    for number in range(9):
        answer = "Yes, and more than that." * (1 + 3 * (number == 4))
        messages = [{"role": "user", "content": f"Is it {number}?"}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": messages}))
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return {"source": "files", "paths": [str(path)], "format": "messages", "held_out_share": 0.0}


@pytest.fixture
def view(desk, qtbot):
    shown = TemplateView(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    return shown


def text_of(source, found, turn, trained):
    ids = [i for i, t, m in zip(found.ids, found.turns, found.mask, strict=True) if t == turn and m == trained]
    return "".join(source.tokenizer.token_text(i) for i in ids)


def test_answers_and_their_ends_are_trained_and_nothing_else(source):
    found = masked(source, TALK)
    assert text_of(source, found, 4, True) == "Four.<|end_turn|>"
    assert text_of(source, found, 2, True).startswith("Hi<|tool_call|>")
    assert text_of(source, found, 2, True).endswith("<|end_turn|>")
    for turn in (-1, 0, 1, 3):
        assert text_of(source, found, turn, True) == ""
    assert sum(i == source.tokenizer.end_id for i in found.ids) == 1  # one border, and none from the user's text
    assert [group.role for group in found.groups()] == ["template", "system", "user", "assistant", "tool", "assistant"]
    assert sum(group.end - group.first for group in found.groups()) == len(found.ids)


def test_what_the_inspector_says_of_every_token(source):
    found = masked(source, TALK)
    told = {}
    for at in range(len(found.ids)):
        inspection = of_token(source.tokenizer, found, at)
        rows = {key: value for key, value, *_ in inspection.rows}
        assert rows["trained"] == ("yes" if found.mask[at] else "no")
        assert rows["id"] == f"{found.ids[at]:,}"
        told.setdefault((found.role(found.turns[at]), found.mask[at]), set()).add(inspection.words)
    assert all(words for words in told.values())
    assert any("learns to stop" in words for words in told["assistant", True])
    assert any("make up what tools say" in words for words in told["tool", False])


def test_behind_the_context_nothing_is_trained(source):
    short = opened(ByteTokenizer(), None, "toy", 20)
    found = masked(short, TALK)
    assert found.seen == 21
    assert found.trained == 0
    last = len(found.ids) - 2
    assert found.chip(short.tokenizer, last).value is None
    assert "never sees it" in of_token(short.tokenizer, found, last).words


def test_a_template_that_came_with_a_model_is_told_apart():
    own = opened(ByteTokenizer(), "{% for m in messages %}{{ m['content'] }}{% endfor %}", "other", 64)
    assert not own.own
    assert own.added == ()
    ours = opened(ByteTokenizer(), None, "toy", 64)
    assert ours.own
    assert "<|end_turn|>" in ours.added


def test_a_base_is_opened_without_its_weights(workspace, run):
    found = open_source(workspace, run)
    assert found.context == 64
    assert found.base == run.name
    assert open_source(workspace, run, 32).context == 32
    assert open_source(workspace, run / "1-pretrain" / "checkpoints" / "step-000010").context == 64
    with pytest.raises(CutawayError, match="no model yet"):
        open_source(workspace, workspace.runs)


def test_conversations_are_counted_and_packed(workspace, source):
    talks = [Conversation((Message("user", "a" * n), Message("assistant", "b"))) for n in (5, 700, 9, 30)]
    refused = Conversation((Message("critic", "a"), Message("assistant", "b")))
    items = list(counting(source, [*talks, refused])(EngineSide(workspace)))
    counted, packed = items[-2:]
    assert isinstance(counted, Counted)
    assert isinstance(packed, Packing)
    assert counted.lengths == (5 + 6, 700 + 6, 9 + 6, 30 + 6, 0)
    assert counted.trained_within[1] == 0  # the answer stands behind the context
    assert list(counted.problems) == [4]
    assert packed.conversations == 3
    assert packed.rows == 1
    assert packed.filled == pytest.approx((10 + 14 + 35) / 512)
    assert all(piece.trained == ((piece.tokens - 2, piece.tokens),) for piece in packed.pieces[0])


def test_packing_holds_every_conversation_once():
    lengths = [7, 12, 3, 20, 9, 1, 15]
    found = packing(lengths, [1, 1, 1, 1, 0, 0, 1], 16)
    numbers = sorted(piece.number for row in found.pieces for piece in row)
    assert numbers == [0, 1, 2, 3, 6]
    assert all(sum(piece.tokens for piece in row) <= 16 for row in found.pieces)


def test_runs():
    assert list(runs([True, True, False, True])) == [(0, 2), (3, 4)]
    assert list(runs([])) == []


def test_the_view_shows_steps_and_counts(view, run, table, desk, qtbot):
    view.show_source(run, table)
    qtbot.waitUntil(lambda: view.packing.packing is not None, timeout=20_000)
    assert view.mask.isVisible()
    assert view.counts.tokens.value() == f"{view.masked.seen:,}"
    assert view.source.text.toPlainText().startswith("{{- bos_token")
    assert view.mask.back.isEnabled() is False
    first = view.masked
    view.mask.ahead.click()
    qtbot.waitUntil(lambda: view.masked is not first, timeout=5_000)
    assert view.position == 1
    at = first.mask.index(True)
    with qtbot.waitSignal(desk.bus.inspect) as told:
        view.pick(at)
    assert told.args[0].subtitle == "trained"
    assert sum(block.view.current is not None for block in view.mask.blocks) == 1
    longer = sum(length > 65 for length in view.counted.lengths)
    assert longer == 1
    figures = view.counts.findChild(MaskRows)
    assert figures.value("tokens") == f"{sum(view.counted.lengths):,}"
    view.counts.show_counted(view.counted, len(view.counted.lengths), 64, "drop")
    assert view.counts.findChildren(MaskRows) == [figures]  # none is made anew
    tickets = dict(view._tickets)
    view.show_source(run, dict(table))
    assert view._tickets == tickets  # nothing is read anew


def test_a_template_that_refuses_is_told_in_words(view, run, table, workspace, qtbot):
    state = run / "1-pretrain" / "checkpoints" / "step-000010" / "state.json"
    told = json.loads(state.read_text()) | {"chat_template": "{{ raise_exception('Only poems.') }}"}
    state.write_text(json.dumps(told))
    view.show_source(run, table)
    qtbot.waitUntil(lambda: bool(view.source.problem.text()), timeout=20_000)
    assert "Only poems." in view.source.problem.text()
    assert "Only poems." in view.mask.note.text()
    assert view.masked is None


def test_without_a_base_it_says_so(view):
    view.show_source(None, {})
    assert "Choose a model" in view.empty.accessibleName()
    assert view.empty.isVisible()


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_trained_and_read_tokens_differ_in_more_than_hue(palette, source):
    shades = Shades(palette)
    found = masked(source, TALK)
    chips = [found.chip(source.tokenizer, at) for at in range(len(found.ids))]
    looks = {(c.special, c.value): shades.of(c, 0, c.value, Colouring.TRAINED) for c in chips}
    assert all(look.line is not None and look.edge is None for (_, value), look in looks.items() if value)
    assert all(look.background is None and look.edge is not None for (_, value), look in looks.items() if not value)


def test_packed_rows_are_drawn_and_pointed_at(qtbot):
    rows = PackedRows()
    qtbot.addWidget(rows)
    rows.resize(200, 120)
    found = packing([50, 60, 40, 90], [1, 1, 1, 1], 100)
    rows.show_rows(found.pieces, 100)
    assert not rows.grab().isNull()
    boxes = rows._boxes()
    assert rows._number_at(boxes[-1][1].center()) == boxes[-1][0].number
