"""What every test stands on: a workspace, no screen needed, and nothing left running."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import engine.stages
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from app.jobs.desk import Desk
    from app.jobs.settings import Settings

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

TOY_STAGES = Path(__file__).parent / "app" / "toy_stages"
_PATIENCE_SECONDS = 3.0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def toy_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.stages, "__path__", [*engine.stages.__path__, str(TOY_STAGES)])


@pytest.fixture
def counting(toy_stages: None) -> Callable[..., Recipe]:
    """counting(steps=5, seconds_a_step=0.01, ...) -> a recipe of one toy stage, which the real registry finds."""

    def recipe(name: str = "count", **config: Any) -> Recipe:
        return recipe_from_json({"name": name, "description": "", "stages": {"counting": config}})

    return recipe


@pytest.fixture
def settings(qapp: Any, tmp_path: Path) -> Settings:
    from app.jobs.settings import Settings

    return Settings(tmp_path / "settings.ini")


@pytest.fixture
def desk(settings: Settings, workspace: Workspace) -> Iterator[Desk]:
    """Over a real engine thread and a real workspace."""
    from app.jobs.desk import make_desk

    desk = make_desk(settings, workspace)
    desk.open()
    yield desk
    desk.close()


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a thread, a QThread or a child process behind."""
    uses_qt = "qapp" in request.fixturenames
    before = _running(uses_qt)
    yield
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left := {key: name for key, name in _running(uses_qt).items() if key not in before}:
        if time.monotonic() > deadline:
            pytest.fail(f"left running: {', '.join(sorted(left.values()))}")
        time.sleep(0.02)


def _running(uses_qt: bool) -> dict[int, str]:
    """What runs now, by identity. Daemons belong to libraries and end with the process."""
    found = {id(thread): f"thread {thread.name}" for thread in threading.enumerate() if not thread.daemon}
    for child in psutil.Process().children():
        if not _is_library_helper(child):
            found[-child.pid] = f"process {child.pid}"
    return found | (_qthreads() if uses_qt else {})


def _qthreads() -> dict[int, str]:
    """Python's own list knows a QThread only by accident, so the living objects are asked."""
    from PySide6.QtCore import QThread
    from shiboken6 import isValid

    threads = [thing for thing in gc.get_objects() if issubclass(type(thing), QThread)]
    return {
        id(t): f"QThread {t.objectName()}" for t in threads if isValid(t) and t.isRunning() and not t.isMainThread()
    }


def _is_library_helper(child: psutil.Process) -> bool:
    try:
        return "multiprocessing.resource_tracker" in " ".join(child.cmdline())
    except psutil.Error:
        return True  # it ended while we looked
