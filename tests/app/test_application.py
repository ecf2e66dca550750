"""From the command line to the window and back: in this process as far as one can, else in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.application import (
    EXIT_IN_USE,
    EXIT_NO_WORKSPACE,
    Dress,
    make_application,
    offer_to_resume,
    open_locked,
    parse_arguments,
)
from app.jobs.desk import Desk
from app.jobs.error_hooks import ErrorHooks
from app.jobs.run_summary import read_summary
from app.jobs.settings import Settings
from app.jobs.workspace_lock import WorkspaceInUseError, WorkspaceLock
from app.main_window import MainWindow
from app.theme import motion
from app.theme.palette import colors
from app.widgets.choice_dialog import ChoiceDialog
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe
from engine.store.workspace import Workspace

ROOT = Path(__file__).parents[2]


def start_window(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    environment |= {"HOME": str(tmp_path), "CUTAWAY_TRACE_START": str(time.time())}
    return subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


def answer(key: str) -> None:
    """Presses a button of the dialog that is about to open."""

    def press() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, ChoiceDialog):
            button = dialog.findChild(QWidget, key)
            assert button is not None
            button.click()  # type: ignore[attr-defined]
        else:
            QTimer.singleShot(20, press)

    QTimer.singleShot(0, press)


# The command line


def test_arguments() -> None:
    found = parse_arguments(["--workspace", "here", "--theme", "dark", "--page", "train", "--size", "1280x800"])
    assert (found.workspace, found.theme, found.page, found.size) == (Path("here"), "dark", "train", QSize(1280, 800))
    with pytest.raises(SystemExit):
        parse_arguments(["--size", "large"])


# The window as a process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_the_window_shows_before_torch_and_ends_in_order(tmp_path: Path) -> None:
    process = start_window(tmp_path, "--workspace", str(tmp_path / "ws"), "--page", "settings")
    told = first_line(process)
    assert told["torch_imported"] is False and 0 < float(str(told["visible_seconds"])) < 10
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and "Traceback" not in errors
    assert not (tmp_path / "ws" / ".window.lock").exists()


def test_a_second_window_says_who_has_the_workspace_and_comes_in_after_a_kill(tmp_path: Path) -> None:
    first = start_window(tmp_path, "--workspace", str(tmp_path / "ws"))
    first_line(first)
    second = start_window(tmp_path, "--workspace", str(tmp_path / "ws"))
    _, errors = second.communicate(timeout=20)
    assert second.returncode == EXIT_IN_USE
    assert "is open in another window" in errors and str(first.pid) in errors and "Traceback" not in errors
    first.kill()
    first.communicate()
    third = start_window(tmp_path, "--workspace", str(tmp_path / "ws"))
    assert first_line(third)["torch_imported"] is False
    third.kill()
    third.communicate()


def test_a_workspace_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    process = start_window(tmp_path, "--workspace", str(tmp_path / "file" / "ws"))
    _, errors = process.communicate(timeout=20)
    assert process.returncode == EXIT_NO_WORKSPACE
    assert "could not be written" in errors and "Traceback" not in errors


# Its parts


def test_the_lock_is_held_by_one(workspace: Workspace) -> None:
    lock = WorkspaceLock(workspace.root)
    with pytest.raises(WorkspaceInUseError, match=str(os.getpid())):
        WorkspaceLock(workspace.root)
    lock.release()
    WorkspaceLock(workspace.root).release()


def test_a_refused_workspace_gives_its_exit_code(settings: Settings, workspace: Workspace, tmp_path: Path) -> None:
    opened = open_locked(workspace.root, settings)
    assert isinstance(opened, tuple)
    assert open_locked(workspace.root, settings) == EXIT_IN_USE
    opened[1].release()
    (tmp_path / "file").write_text("")
    assert open_locked(tmp_path / "file", settings) == EXIT_NO_WORKSPACE


def test_the_theme_is_worn_and_changed_live(qapp: QApplication, settings: Settings, desk: Desk, qtbot: QtBot) -> None:
    app = make_application()
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    dress = Dress(app, settings, "dark")
    qtbot.waitUntil(lambda: colors(widget).is_dark)
    dress.changed_to(desk)
    with qtbot.waitSignal(desk.bus.theme_changed):
        settings.theme = "light"
    qtbot.waitUntil(lambda: not colors(widget).is_dark)
    settings.reduce_motion = True
    assert motion.is_reduced()
    settings.reduce_motion = False
    dress.deleteLater()


@pytest.mark.parametrize(("key", "state"), [("resume", RunState.DONE), ("later", RunState.DIED)])
def test_a_run_that_died_is_offered_once(
    desk: Desk, qtbot: QtBot, counting: Callable[..., Recipe], key: str, state: RunState
) -> None:
    run = died(desk.workspace, counting(steps=3))
    window = MainWindow(desk)
    answer(key)
    offer_to_resume(window, desk, [read_summary(desk.workspace, run.folder)])
    qtbot.waitUntil(lambda: desk.jobs.current is None and run.status().state is state)
    assert desk.settings.offered == run.folder.name
    offer_to_resume(window, desk, [read_summary(desk.workspace, run.folder)])  # would wait for ever if it asked again
    shiboken6.delete(window)


def died(workspace: Workspace, recipe: Recipe) -> RecipeRun:
    """A run whose process is gone: its status names one that began before this computer did."""
    run = RecipeRun.create(workspace, recipe)
    folder = run.stage_folder(0)
    folder.path.mkdir()
    folder.write_status(RunState.RUNNING, 2, 1.0)
    status = json.loads((folder.path / "status.json").read_text())
    (folder.path / "status.json").write_text(json.dumps({**status, "process_began": 1.0}))
    return run


# What nobody caught


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[tuple[ErrorHooks, list[CutawayError]]]:
    told: list[CutawayError] = []
    hooks = ErrorHooks(told.append)
    hooks.install()
    hooks.log_to(tmp_path / "logs")
    yield hooks, told
    hooks.remove()


class Mistakes(QWidget):
    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(self.fail)

    def fail(self) -> None:
        raise ValueError("a mistake in a slot")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawLine(0, 0, 9, 9)
        raise ZeroDivisionError("a mistake while painting")


Hooks = tuple[ErrorHooks, list[CutawayError]]


@pytest.mark.qt_no_exception_capture
def test_a_mistake_in_a_slot_is_told_with_details(hooks: Hooks, qtbot: QtBot, tmp_path: Path) -> None:
    widget = Mistakes()
    qtbot.addWidget(widget)
    widget.asked.emit()
    widget.asked.emit()
    (error,) = hooks[1]
    assert error.why == "ValueError: a mistake in a slot" and "in fail" in error.details
    assert "a mistake in a slot" in (tmp_path / "logs" / "window.log").read_text()


@pytest.mark.qt_no_exception_capture
def test_a_mistake_while_painting_is_told_once_and_the_window_lives(hooks: Hooks, qtbot: QtBot, tmp_path: Path) -> None:
    widget = Mistakes()
    widget.show()
    for _ in range(5):
        widget.update()
        qtbot.wait(20)
    widget.close()
    widget.deleteLater()
    qtbot.wait(20)
    assert [error.why for error in hooks[1]] == ["ZeroDivisionError: a mistake while painting"]
    assert "active painter" not in (tmp_path / "logs" / "window.log").read_text()


@pytest.mark.qt_no_exception_capture
def test_a_mistake_in_a_thread_is_told(hooks: Hooks) -> None:
    thread = threading.Thread(target=lambda: [][1])
    thread.start()
    thread.join()
    assert [error.why for error in hooks[1]] == ["IndexError: list index out of range"]


@pytest.mark.qt_no_exception_capture
def test_an_error_in_words_keeps_its_words(hooks: Hooks) -> None:
    words = CutawayError("What.", "Why.", "Do.")
    sys.excepthook(CutawayError, words, None)
    assert hooks[1] == [words]


@pytest.mark.qt_no_exception_capture
def test_a_long_log_is_put_aside(hooks: Hooks, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "window.log").write_bytes(b"x" * (2**20 + 1))
    hooks[0].log_to(tmp_path / "more")
    assert (tmp_path / "more" / "window.old.log").stat().st_size == 2**20 + 1


def test_a_message_of_qt_goes_to_the_log(hooks: Hooks, tmp_path: Path) -> None:
    QObject().startTimer(-5)
    log = (tmp_path / "logs" / "window.log").read_text()
    assert "Qt warning" in log
