"""What every test stands on: a workspace, no screen needed, and nothing left running."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.store.workspace import Workspace, open_workspace

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_PATIENCE_SECONDS = 3.0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


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
