"""The Settings page: applied at once, kept, and honest about what is in effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.jobs.query import EngineSide
from app.jobs.settings import Settings
from app.jobs.workspace_lock import WorkspaceLock
from app.pages.settings.page import SettingsPage
from app.widgets.label import Label
from engine.launch.recipe import Recipe
from engine.store.machine import Machine, read_machine, write_machine
from engine.store.workspace import open_workspace


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> SettingsPage:
    page = SettingsPage(desk)
    qtbot.addWidget(page)
    page.resize(1200, 700)
    page.show()
    page.shown()
    return page


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(Label) if not label.isHidden())


def test_the_workspace_and_its_size_are_shown(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    (desk.workspace.runs / "big").write_bytes(b"x" * 2_500_000)
    page.workspace.refresh()
    qtbot.waitUntil(lambda: "2.5 MB in runs" in texts(page.workspace))
    assert str(desk.workspace.root) in texts(page.workspace)


def test_another_workspace_is_taken_and_kept(page: SettingsPage, desk: Desk, tmp_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(desk.bus.workspace_changed):
        page.workspace.choose(tmp_path / "other")
    assert desk.workspace.root == desk.jobs.workspace.root == desk.feed.workspace.root == tmp_path / "other"
    assert Settings(desk.settings.path).workspace == tmp_path / "other"
    qtbot.waitUntil(lambda: str(tmp_path / "other") in texts(page.workspace))


def test_a_workspace_that_cannot_be_opened_is_refused_in_words(
    page: SettingsPage, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "file").write_text("")
    before = desk.workspace
    with qtbot.waitSignal(desk.bus.error):
        page.workspace.choose(tmp_path / "file")
    assert desk.workspace == before


def test_a_workspace_in_use_is_refused_and_ours_stays_locked(
    page: SettingsPage, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    other = open_workspace(tmp_path / "other")
    desk.lock = WorkspaceLock(desk.workspace.root)
    theirs = WorkspaceLock(other.root)
    with qtbot.waitSignal(desk.bus.error) as told:
        page.workspace.choose(other.root)
    assert "open in another window" in told.args[0].what
    theirs.release()
    page.workspace.choose(other.root)
    assert desk.workspace == other


def test_a_run_keeps_its_workspace(
    page: SettingsPage, desk: Desk, tmp_path: Path, qtbot: QtBot, counting: Callable[..., Recipe]
) -> None:
    desk.jobs.start(counting(steps=2000, seconds_a_step=0.002))
    with qtbot.waitSignal(desk.bus.error) as told:
        page.workspace.choose(tmp_path / "other")
    assert told.args[0].why == "A run works in this one."
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None)


def test_the_theme_follows_the_page_and_the_page_the_theme(page: SettingsPage, desk: Desk) -> None:
    page.looks.theme.changed.emit(2)
    assert desk.settings.theme == "dark"
    desk.settings.theme = "light"
    assert page.looks.theme.current() == 1
    desk.settings.theme = "system"
    assert "The desktop asks for" in texts(page.looks)


def test_motion_and_threads_are_kept(page: SettingsPage, desk: Desk) -> None:
    page.looks.motion.setChecked(True)
    page.computing.threads.choose(1)
    page.computing.threads.activated.emit(1)
    again = Settings(desk.settings.path)
    assert (again.reduce_motion, again.threads) == (True, 1)
    assert "1 is used." in texts(page.computing)


def test_what_was_measured_is_shown(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    assert "ot measured yet" in texts(page.computing)
    write_machine(desk.workspace, Machine(peak_flops=7.7e11, dtype="bfloat16", speedup=4.2))
    page.computing.refresh()
    # With torch loaded the answer comes from the engine thread, and an earlier one may stand until then.
    qtbot.waitUntil(lambda: "770 GFLOP/s in bfloat16, 4.2 times float32" in texts(page.computing), timeout=10_000)


def test_measuring_fills_the_line_and_the_workspace(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    page.computing.measure.click()
    assert not page.computing.measure.isEnabled()
    qtbot.waitUntil(lambda: "GFLOP/s" in texts(page.computing), timeout=20_000)
    assert page.computing.measure.isEnabled() and "torch 2." in texts(page.computing)
    assert read_machine(desk.workspace).peak_flops > 1e9


def test_the_weights_for_writing_reach_the_engine(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    seen: list[str] = []

    def query(side: EngineSide) -> Iterator[object]:
        yield side.weights

    page.computing.weights.choose("int8")
    page.computing.weights.activated.emit(page.computing.weights.currentIndex())
    assert Settings(desk.settings.path).weights == "int8"
    desk.engine.ask(query, seen.append)
    qtbot.waitUntil(lambda: seen == ["int8"], timeout=5_000)


def test_a_device_that_is_not_there_is_said(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    page.computing.device.choose("mps")
    desk.settings.device = "mps"
    page.computing.measure.click()
    qtbot.waitUntil(lambda: 'The device "mps" is not there' in texts(page.computing), timeout=20_000)


def test_the_versions_can_be_copied(page: SettingsPage) -> None:
    page.about._copy()
    text = QGuiApplication.clipboard().text()
    assert "Cutaway: " in text and "torch: 2." in text


def test_panels_stand_below_each_other_where_it_is_narrow(page: SettingsPage, qtbot: QtBot) -> None:
    assert page.looks.x() > page.workspace.x()
    page.resize(700, 700)
    qtbot.waitUntil(lambda: page.looks.mapTo(page, page.looks.rect().topLeft()).x() == 0)


def test_processes_are_off_until_chosen_and_said_to_divide_the_cores(page: SettingsPage, desk: Desk) -> None:
    assert desk.settings.processes == 1 and "Off: one process trains." in texts(page)
    place = page.computing.processes.findData(2)
    page.computing.processes.setCurrentIndex(place)
    page.computing.processes.activated.emit(place)
    assert Settings(desk.settings.path).processes == 2
    assert "seldom faster than one process" in texts(page)
