"""A run in a process of its own, which outlives the window."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.errors import CutawayError
from engine.launch.local import RecipeRun

LOG = "detached.log"

# Neither the window's end nor its terminal's reaches the process: by these flags on Windows, by a session elsewhere.
if sys.platform == "win32":
    _NO_CONSOLE = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NO_CONSOLE = 0


def start_detached(run: RecipeRun, device: str, threads: int, processes: int = 1) -> subprocess.Popen[bytes]:
    """Starts `cutaway resume` on a run that nobody drives; what it prints goes to a file in the run folder.

    Raises CutawayError when the process cannot be started.
    """
    command = [*_engine_command(), "resume", str(run.folder), "--workspace", str(run.workspace.root)]
    command += ["--device", device, "--threads", str(threads), "--processes", str(processes)]
    try:
        with (run.folder / LOG).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).resolve().parents[2],
                creationflags=_NO_CONSOLE,
                start_new_session=os.name != "nt",
            )
    except OSError as error:
        raise CutawayError(
            f"{run.folder.name} could not be started in a process of its own.",
            f"{error.strerror or error}.",
            "It is stopped and its checkpoint is kept: resume it in the window.",
        ) from error


def last_words(run: RecipeRun, limit: int = 2000) -> str:
    """The end of what the detached process printed."""
    path = run.folder / LOG
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - limit))
        return stream.read().decode("utf-8", errors="replace")


def _engine_command() -> list[str]:
    """An installed bundle's program passes `engine ...` on; otherwise it is this Python."""
    return [sys.executable, "engine"] if getattr(sys, "frozen", False) else [sys.executable, "-m", "engine"]
