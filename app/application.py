"""From a command line to a window, and in order to the end again.

What is heavy comes after the first paint: the window is there in well under a second, then the workspace is read
and the engine thread begins. torch is imported by the engine thread when it is first needed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import shiboken6
from PySide6.QtCore import QEvent, QObject, QSize, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog

from app.jobs.desk import Desk, make_desk
from app.jobs.error_hooks import ErrorHooks
from app.jobs.run_summary import RunSummary
from app.jobs.settings import THEMES, Settings
from app.jobs.workspace_lock import WorkspaceInUseError, WorkspaceLock
from app.main_window import MainWindow
from app.theme import motion, stylesheet
from app.widgets.choice_dialog import Choice, ask
from engine.errors import CutawayError
from engine.memory import keep_freed_memory
from engine.store.workspace import Workspace, open_workspace

EXIT_NO_WORKSPACE = 2
EXIT_IN_USE = 3


@dataclass(frozen=True)
class Arguments:
    """workspace, theme: for this session only, instead of the ones in Settings. page: name of the first page."""

    workspace: Path | None = None
    theme: str = ""
    page: str = ""
    size: QSize | None = None


def parse_arguments(argv: Sequence[str]) -> Arguments:
    parser = argparse.ArgumentParser(prog="cutaway-window", description="The window of Cutaway.")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="the folder to work in, this time")
    parser.add_argument("--theme", choices=THEMES, default="", help="the colours, this time")
    parser.add_argument("--page", default="", metavar="NAME", help="the page that opens first, for example train")
    parser.add_argument("--size", type=_size, metavar="WxH", help="size of the window, for example 1440x900")
    found = parser.parse_args(argv)
    return Arguments(found.workspace, found.theme, found.page, found.size)


def _size(text: str) -> QSize:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError("write it as 1440x900")
    return QSize(int(width), int(height))


def run_window(argv: Sequence[str]) -> int:
    """The whole life of the window; gives the exit code."""
    arguments = parse_arguments(argv)
    hooks = ErrorHooks(_print_error)
    hooks.install()
    app = make_application()
    settings = Settings()
    dress = Dress(app, settings, arguments.theme)
    opened = open_locked(arguments.workspace or settings.workspace, settings)
    if isinstance(opened, int):
        return opened
    workspace, lock = opened
    hooks.log_to(workspace.root / "logs")
    desk = make_desk(settings, workspace, lock)
    hooks.tell = desk.bus.error.emit
    desk.bus.workspace_changed.connect(lambda workspace: hooks.log_to(workspace.root / "logs"))
    dress.changed_to(desk)
    window = MainWindow(desk)
    begin_after_paint(window, desk)
    show(window, arguments, settings)
    _quit_on_signals(app)
    try:
        return app.exec()
    finally:
        desk.close()
        shiboken6.delete(window)  # while everything that it listens to is still there
        hooks.remove()


def make_application() -> QApplication:
    """The one QApplication, named so that windows, settings and lock files carry our name."""
    keep_freed_memory()  # before any thread begins, the one that will train above all
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["cutaway"])
    app.setStyle("Fusion")
    app.setApplicationName("cutaway")
    app.setApplicationDisplayName("Cutaway")
    app.setOrganizationName("Cutaway")
    app.setDesktopFileName("cutaway")
    return app


class Dress(QObject):
    """Wears light or dark as Settings or the desktop say, and changes at once when they do."""

    def __init__(self, app: QApplication, settings: Settings, override: str = "") -> None:
        super().__init__(app)
        self._app = app
        self._settings = settings
        self._override = override
        self._desk: Desk | None = None
        motion.set_reduced(settings.reduce_motion)
        settings.changed.connect(self._on_setting)
        app.styleHints().colorSchemeChanged.connect(self.apply)
        self.apply()

    def changed_to(self, desk: Desk) -> None:
        """From now on the desk hears of a change."""
        self._desk = desk

    def apply(self) -> None:
        stylesheet.apply(self._app, stylesheet.choose(self._app, self._override or self._settings.theme))
        if self._desk is not None:
            self._desk.bus.theme_changed.emit()

    def _on_setting(self, name: str) -> None:
        if name == "theme":
            self._override = ""  # what was chosen by hand wins over the command line
            self.apply()
        elif name == "reduce_motion":
            motion.set_reduced(self._settings.reduce_motion)


def open_locked(root: Path, settings: Settings) -> tuple[Workspace, WorkspaceLock] | int:
    """Opens the workspace for this window alone; asks for another folder when that fails. An exit code when nobody
    chooses one."""
    while True:
        try:
            workspace = open_workspace(root)
            return workspace, WorkspaceLock(workspace.root)
        except CutawayError as error:
            code = EXIT_IN_USE if isinstance(error, WorkspaceInUseError) else EXIT_NO_WORKSPACE
            chosen = _ask_for_folder(error)
            if chosen is None:
                return code
            settings.workspace = root = chosen


def _ask_for_folder(error: CutawayError) -> Path | None:
    """None when the person gives up, or when nobody is there to ask."""
    _print_error(error)
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return None
    choices = [Choice("quit", "Close"), Choice("choose", "Choose another folder", "primary")]
    if ask(None, error.what, f"{error.why} {error.remedy}", choices, escape="quit", details=error.details) == "quit":
        return None
    folder = QFileDialog.getExistingDirectory(None, "Choose a workspace")
    return Path(folder) if folder else None


def _print_error(error: CutawayError) -> None:
    sys.stderr.write(f"{error}\n")


def show(window: MainWindow, arguments: Arguments, settings: Settings) -> None:
    """As large as it was, on the page that was open, unless the command line says otherwise."""
    if arguments.size is not None:
        window.resize(arguments.size)
    window.show_page(arguments.page or settings.page)
    window.show()


def begin_after_paint(window: MainWindow, desk: Desk) -> None:
    """Reads the workspace and starts the engine thread once the window can be seen."""

    def begin() -> None:
        if began := os.environ.get("CUTAWAY_TRACE_START"):
            _trace_start(float(began))
        desk.bus.interrupted.connect(lambda died: offer_to_resume(window, desk, died))
        desk.open()

    _FirstPaint(window, begin)


class _FirstPaint(QObject):
    def __init__(self, window: MainWindow, then: Callable[[], None]) -> None:
        super().__init__(window)
        self._then = then
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._then)
        return False


def _trace_start(began: float) -> None:
    """One line of JSON for the benchmark. began: Unix time at which it started this process; the system's own record
    of that is only good to a second on Linux."""
    seconds = time.time() - began
    line = json.dumps({"visible_seconds": round(seconds, 3), "torch_imported": "torch" in sys.modules})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def offer_to_resume(window: MainWindow, desk: Desk, died: Sequence[RunSummary]) -> None:
    """Asks once for each run that died; afterwards it stands in Runs with its button."""
    summary = died[0]
    if desk.settings.offered == summary.folder.name or desk.jobs.current is not None:
        return
    desk.settings.offered = summary.folder.name
    others = f" {len(died) - 1} more can be resumed in Runs." if len(died) > 1 else ""
    answer = ask(
        window,
        f"{summary.name} did not end as it should.",
        f"{summary.ended_words}: its process went away, by a crash or with the computer. Everything up to its last "
        f"checkpoint is there, and it goes on from there as if nothing had happened.{others}",
        [Choice("later", "Not now"), Choice("resume", "Resume", "primary")],
        escape="later",
    )
    if answer == "resume":
        desk.jobs.resume(desk.open_run(summary))


def _quit_on_signals(app: QApplication) -> None:
    """Ctrl+C in the terminal and a system that shuts down end the window in order: the run is saved."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    # Python sees a signal only when it runs: this timer gives it the chance.
    heartbeat = QTimer(app)
    heartbeat.timeout.connect(lambda: None)
    heartbeat.start(300)
