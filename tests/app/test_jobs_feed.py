"""The feed tells every run alike: live, ended, resumed, half written, or as long as a book."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.canned import build
from app.jobs import event_feed
from app.jobs.desk import Desk
from app.jobs.event_feed import EventFeed
from app.jobs.run_reader import RunReader
from engine.events import Event, Resumed, StepMetrics, encode
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe
from engine.store.workspace import Workspace

Counting = Callable[..., Recipe]


def metrics(step: int) -> StepMetrics:
    return StepMetrics(
        step=step, tokens=step, loss=1.0, learning_rate=0.1, grad_norm=1.0, clipped=False, tokens_per_second=1.0
    )


def write(run: RecipeRun, events: list[Event]) -> None:
    folder = run.stage_folder(0)
    folder.path.mkdir(exist_ok=True)
    with folder.events_path.open("a", encoding="utf-8") as stream:
        stream.write("".join(encode(event) + "\n" for event in events))


def steps(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, StepMetrics)]


@pytest.fixture
def run(workspace: Workspace, counting: Counting) -> RecipeRun:
    return RecipeRun.create(workspace, counting())


@pytest.fixture
def feed(qapp: Any, workspace: Workspace) -> EventFeed:
    return EventFeed(workspace)


def test_a_page_opened_late_gets_everything(feed: EventFeed, run: RecipeRun, qtbot: QtBot) -> None:
    write(run, [metrics(step) for step in range(1, 2001)])
    feed.follow(run.folder)
    qtbot.waitUntil(lambda: len(feed.history("counting")) == 2000)
    assert steps(feed.history("counting")) == list(range(1, 2001))
    assert feed.history("no_such_stage") == []


def test_what_is_written_later_arrives_as_events(feed: EventFeed, run: RecipeRun, qtbot: QtBot) -> None:
    told: list[tuple[int, str, list[Event]]] = []
    feed.events.connect(lambda *arguments: told.append(arguments))
    feed.follow(run.folder)
    qtbot.wait(20)
    write(run, [metrics(1)])
    qtbot.waitUntil(lambda: len(told) == 1)
    index, name, events = told[0]
    assert (index, name, steps(events)) == (0, "counting", [1])


def test_a_torn_line_waits_for_its_end(run: RecipeRun) -> None:
    write(run, [metrics(1)])
    line = encode(metrics(2))
    with run.stage_folder(0).events_path.open("a") as stream:
        stream.write(line[:20])
    reader = RunReader(run)
    assert steps([event for _, event in reader.poll(1.0)]) == [1]
    assert reader.poll(1.0) == []
    with run.stage_folder(0).events_path.open("a") as stream:
        stream.write(line[20:] + "\n")
    assert steps([event for _, event in reader.poll(1.0)]) == [2]


def test_resumed_voids_what_came_after(feed: EventFeed, run: RecipeRun, qtbot: QtBot) -> None:
    rewound: list[tuple[int, str, int]] = []
    feed.rewound.connect(lambda *arguments: rewound.append(arguments))
    write(run, [metrics(step) for step in range(1, 11)])
    feed.follow(run.folder)
    qtbot.waitUntil(lambda: len(feed.history("counting")) == 10)
    write(run, [Resumed(step=6), metrics(7), metrics(8)])
    qtbot.waitUntil(lambda: len(feed.history("counting")) == 9)
    assert steps(feed.history("counting")) == list(range(1, 9))
    assert rewound == [(0, "counting", 6)]


def test_void_events_of_one_batch_are_never_told(feed: EventFeed, run: RecipeRun, qtbot: QtBot) -> None:
    told: list[Event] = []
    feed.events.connect(lambda index, name, events: told.extend(events))
    write(run, [metrics(1), metrics(2), metrics(3), Resumed(step=1), metrics(2), Resumed(step=1), metrics(2)])
    feed.follow(run.folder)
    qtbot.waitUntil(lambda: bool(told))
    assert steps(told) == steps(feed.history("counting")) == [1, 2]


def test_another_run_resets(feed: EventFeed, run: RecipeRun, qtbot: QtBot, counting: Counting) -> None:
    write(run, [metrics(1)])
    feed.follow(run.folder)
    qtbot.waitUntil(lambda: feed.history("counting") != [])
    other = RecipeRun.create(run.workspace, counting("other"))
    with qtbot.waitSignal(feed.reset):
        feed.follow(other.folder)
    assert feed.history("counting") == []
    feed.follow(None)
    assert feed.run is None and feed.history("counting") == []


def test_a_poll_keeps_to_its_budget(run: RecipeRun) -> None:
    write(run, [metrics(step) for step in range(1, 20_001)])
    reader = RunReader(run)
    reader.poll(0.004)
    durations, count = [], 0
    while found := reader.poll(0.004):
        began = time.perf_counter()
        count += len(found)
        reader.poll(0.004)
        durations.append(time.perf_counter() - began)
    assert sorted(durations)[len(durations) // 2] < 0.016


def test_a_very_long_run_is_thinned_but_keeps_what_is_rare(
    feed: EventFeed, run: RecipeRun, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "_HISTORY_LIMIT", 100)
    write(run, [metrics(1), Resumed(step=1), *[metrics(step) for step in range(2, 400)]])
    feed.follow(run.folder)
    qtbot.waitUntil(lambda: steps(feed.history("counting"))[-1:] == [399])
    history = feed.history("counting")
    assert len(history) < 320 and any(isinstance(event, Resumed) for event in history)
    assert steps(history)[-20:] == list(range(380, 400))


def test_the_status_of_each_stage_is_told(desk: Desk, qtbot: QtBot, counting: Counting) -> None:
    states: list[str] = []
    desk.feed.status.connect(lambda index, status: states.append(status.state.value))
    desk.jobs.start(counting(steps=30, seconds_a_step=0.01))
    qtbot.waitUntil(lambda: "done" in states, timeout=10_000)
    assert states[0] in ("running", "starting")


def test_a_canned_run_reads_to_its_end(desk: Desk, qtbot: QtBot) -> None:
    canned = build(desk.workspace.root, "paused")
    desk.feed.follow(canned.folder)
    qtbot.waitUntil(lambda: steps(desk.feed.history("pretrain"))[-1:] == [348])
