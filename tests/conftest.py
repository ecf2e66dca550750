"""What every test stands on: a workspace, no screen needed, and nothing left running."""

from __future__ import annotations

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


def _running() -> tuple[set[threading.Thread], set[int]]:
    """Threads that Python knows (a QThread shows as one while it runs Python) and child processes, by pid.

    Daemons are libraries' own (tqdm's monitor, multiprocessing's resource tracker) and end with the process.
    """
    threads = {thread for thread in threading.enumerate() if not thread.daemon or _is_qthread(thread)}
    return threads, {child.pid for child in psutil.Process().children() if not _is_library_helper(child)}


def _is_qthread(thread: threading.Thread) -> bool:
    return isinstance(thread, threading._DummyThread)  # type: ignore[attr-defined]


def _is_library_helper(child: psutil.Process) -> bool:
    try:
        return "multiprocessing.resource_tracker" in " ".join(child.cmdline())
    except psutil.Error:
        return True


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fails a test that leaves a thread, a QThread or a child process behind."""
    before_threads, before_children = _running()
    yield
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        threads, children = _running()
        left = [thread.name for thread in threads - before_threads if thread.is_alive()]
        processes = children - before_children
        if not left and not processes:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left running: threads {left}, processes {sorted(processes)}")
        time.sleep(0.02)
