"""The engine thread drives a run and answers between its steps; nothing that is raised ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.jobs.query import LIVE, EngineSide
from engine.errors import CutawayError
from engine.launch.recipe import Recipe


def count_to(number: int) -> Callable[[EngineSide], Iterator[object]]:
    def query(side: EngineSide) -> Iterator[object]:
        yield from range(number)

    return query


def test_idle_engine_answers_in_order_on_the_gui_thread(desk: Desk, qtbot: QtBot) -> None:
    items: list[object] = []
    threads: set[int] = set()
    done: list[bool] = []

    def take(item: object) -> None:
        items.append(item)
        threads.add(threading.get_ident())

    desk.engine.ask(count_to(500), take, lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done))
    assert items == list(range(500))
    assert threads == {threading.get_ident()}


def test_query_runs_off_the_gui_thread(desk: Desk, qtbot: QtBot) -> None:
    items: list[object] = []
    desk.engine.ask(lambda side: iter([threading.get_ident()]), items.append)
    qtbot.waitUntil(lambda: bool(items))
    assert items != [threading.get_ident()]


def test_cancelled_query_is_closed_and_tells_nothing(desk: Desk, qtbot: QtBot) -> None:
    closed = threading.Event()
    items: list[object] = []

    def endless(side: EngineSide) -> Iterator[object]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ticket = desk.engine.ask(endless, items.append)
    qtbot.waitUntil(lambda: bool(items))
    ticket.cancel()
    count = len(items)
    qtbot.waitUntil(closed.is_set)
    qtbot.wait(20)
    assert len(items) == count


def test_errors_of_a_query_reach_who_asked(desk: Desk, qtbot: QtBot) -> None:
    errors: list[CutawayError] = []

    def wrong(side: EngineSide) -> Iterator[object]:
        yield 1 / 0

    desk.engine.ask(wrong, print, on_error=errors.append)
    desk.engine.ask(lambda side: iter([side.model(LIVE)]), print, on_error=errors.append)
    qtbot.waitUntil(lambda: len(errors) == 2)
    assert "ZeroDivisionError" in errors[0].why and "Traceback" in errors[0].details
    assert errors[1].what == "No model is training at this moment."


def test_error_without_a_receiver_reaches_the_bus(desk: Desk, qtbot: QtBot) -> None:
    with qtbot.waitSignal(desk.bus.error):
        desk.engine.ask(lambda side: iter([side.model(LIVE)]), print)


def test_live_model_answers_while_the_run_goes_on(desk: Desk, qtbot: QtBot, counting: Callable[..., Recipe]) -> None:
    seen: list[Any] = []

    def watch(side: EngineSide) -> Iterator[object]:
        live: Any = side.model(LIVE)
        for _ in range(30):
            yield live.step

    desk.jobs.start(counting(steps=60, seconds_a_step=0.005))
    with qtbot.waitSignal(desk.jobs.ended, timeout=10_000):
        qtbot.waitUntil(lambda: desk.feed.history("counting") != [])
        desk.engine.ask(watch, seen.append)
    assert len(seen) == 30 and 0 < seen[0] <= seen[-1]


def test_query_is_answered_while_the_run_is_paused(desk: Desk, qtbot: QtBot, counting: Callable[..., Recipe]) -> None:
    desk.jobs.start(counting(steps=1000, seconds_a_step=0.005))
    desk.jobs.pause()
    qtbot.waitUntil(lambda: desk.jobs.current is not None and desk.jobs.current.state == "paused")
    items: list[object] = []
    desk.engine.ask(count_to(50), items.append)
    qtbot.waitUntil(lambda: len(items) == 50)
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None)


def test_mail_that_raises_does_not_hold_back_the_rest(desk: Desk, qtbot: QtBot) -> None:
    items: list[object] = []

    def pick(item: object) -> None:
        if item == 1:
            raise ValueError("a mistake in a slot")
        items.append(item)

    with qtbot.captureExceptions() as caught:
        desk.engine.ask(count_to(4), pick)
        qtbot.waitUntil(lambda: items == [0, 2, 3])
    assert [kind for kind, _, _ in caught] == [ValueError]


def test_two_questions_share_the_engine(desk: Desk, qtbot: QtBot) -> None:
    order: list[object] = []

    def endless(side: EngineSide) -> Iterator[object]:
        while True:
            yield "endless"

    long = desk.engine.ask(endless, order.append)
    desk.engine.ask(count_to(3), order.append)
    qtbot.waitUntil(lambda: 2 in order)
    long.cancel()


@pytest.mark.parametrize("busy", [False, True])
def test_shut_down_leaves_no_thread(desk: Desk, qtbot: QtBot, counting: Callable[..., Recipe], busy: bool) -> None:
    if busy:
        desk.jobs.start(counting(steps=100_000, seconds_a_step=0.002))
        qtbot.waitUntil(lambda: desk.feed.history("counting") != [])
    desk.engine.shut_down()
    assert desk.engine.isFinished()
    if busy:
        assert desk.feed.run is not None and desk.feed.run.status().state == "stopped"
