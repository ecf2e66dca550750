"""What the frame says: log lines, search, help texts, marks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication

from app.widgets.command_palette_search import plain_text, search
from app.widgets.inspector_text import HELP, read_help, rich
from app.widgets.jobs_drawer_words import log_line, state_words
from app.widgets.rail_rooms import mark_of
from app.widgets.status_bar import Meter
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Compiled,
    ControlApplied,
    Event,
    Failed,
    MemoryRanOut,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    Validation,
)
from engine.registry import Registry

LINES = [
    (
        CheckpointSaved(step=300, seconds=92.4, folder="step-000300", bytes=25_200_000, duration=0.2),
        "00:01:47 checkpoint step-000300 verified, 25 MB",
    ),
    (StateChanged(step=412, seconds=1, state="stopped"), "00:00:16 Pretrain stopped at step 412"),
    (
        ArtifactReady(kind="corpus", folder="c", reused=True, figures={"documents": 12480, "share": 0.25}),
        "00:00:15 corpus taken from an earlier run: 12,480 documents, 0.25 share",
    ),
    (
        Validation(step=200, tokens=1, loss=1.2345, bits_per_byte=0.5, train_loss=1.2),
        "00:00:15 step 200: 1.234 nats, 0.500 bits per byte on held-out text",
    ),
    (ControlApplied(name="learning_rate_scale", value=0.8), "00:00:15 learning rate × 0.8 of the plan, by hand"),
    (Resumed(step=1200), "00:00:15 goes on from the checkpoint at step 1,200"),
    (Notice(text="2 CPU threads"), "00:00:15 2 CPU threads"),
    (Compiled(duration=41.23), "00:00:15 Compiled in 41.2 s."),
    (
        MemoryRanOut(step=3, rows=1, passes=12),
        "00:00:15 Memory ran out, so the run goes on with 1 row at a time: 12 passes make one step of the same batch.",
    ),
    (Failed(what="The loss became NaN.", why="", remedy=""), "00:00:15 The loss became NaN."),
]


@pytest.mark.parametrize(("event", "line"), LINES, ids=[type(event).__name__ for event, _ in LINES])
def test_an_event_is_one_line_of_the_log(event: Event, line: str) -> None:
    assert log_line(event, "Pretrain", before=15.0) == line


def test_steps_do_not_fill_the_log() -> None:
    step = StepMetrics(tokens=1, loss=1, learning_rate=1, grad_norm=1, clipped=False, tokens_per_second=1)
    assert log_line(step, "Pretrain") == ""


@pytest.mark.parametrize("state", list(RunState))
def test_every_state_has_words(state: RunState) -> None:
    assert "Pretrain" in state_words(state, "Pretrain", 7)


def actions(*names: str) -> list[QAction]:
    return [QAction(name) for name in names]


def test_the_search_prefers_beginnings_of_words_and_letters_in_a_row(qapp: QApplication) -> None:
    some = actions("Explain this page", "Stop the run", "Open the jobs drawer", "Save a checkpoint now")
    assert [plain_text(found.action) for found in search("", some)] == [action.text() for action in some]
    assert plain_text(search("str", some)[0].action) == "Stop the run"
    assert plain_text(search("check", some)[0].action) == "Save a checkpoint now"
    assert plain_text(search("JOBS", some)[0].action) == "Open the jobs drawer"
    assert search("xyz", some) == []
    assert search("stop", some)[0].hits == (0, 1, 2, 3)


def test_marks_of_mnemonics_are_not_shown(qapp: QApplication) -> None:
    assert plain_text(QAction("Save && &quit")) == "Save & quit"


def test_every_page_has_a_help_text() -> None:
    for name in Registry("app.pages").names():
        found = read_help(name)
        assert found is not None, name
        assert found.title and found.blocks
        assert len(found.beginning.blocks) == 2
    for path in HELP.glob("*.md"):
        assert "—" not in path.read_text(encoding="utf-8")


def test_help_joins_lines_and_keeps_items_apart() -> None:
    found = read_help("train")
    assert found is not None
    assert any(block.startswith("## ") for block in found.blocks)
    assert any(block.startswith("- ") for block in found.blocks)
    assert not any("\n" in block for block in found.blocks)


def test_no_page_has_no_help() -> None:
    assert read_help("a page of another version") is None


def test_rich_text_takes_markup_literally(qapp: QApplication) -> None:
    text = rich("`<b>` is **strong** & <i>plain</i>")
    assert "&lt;b&gt;</span>" in text
    assert "<b>strong</b>" in text
    assert "&lt;i&gt;plain" in text


@pytest.mark.parametrize(
    ("states", "mark"),
    [
        ({}, "none"),
        ({"a": RunState.RUNNING}, "running"),
        ({"a": RunState.DONE, "b": RunState.SAVING}, "running"),
        ({"a": RunState.PAUSED}, "paused"),
        ({"a": RunState.DONE, "b": RunState.FAILED}, "failed"),
        ({"a": RunState.DIED}, "failed"),
        ({"a": RunState.DONE}, "done"),
        ({"a": RunState.STOPPED}, "done"),
    ],
)
def test_the_mark_of_a_room(states: dict[str, RunState], mark: str) -> None:
    live = SimpleNamespace(stage_state=lambda name: states.get(name, RunState.WAITING), has_model=True)
    assert mark_of(SimpleNamespace(STAGES=("a", "b")), live) == mark
    assert mark_of(SimpleNamespace(STAGES=()), live) == "done"


def test_building_the_window_does_not_count_as_watching() -> None:
    meter = Meter()
    assert meter.measure() is None
    assert meter.measure() is None
