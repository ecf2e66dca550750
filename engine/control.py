"""Steering a run while it works: pause, resume, stop, checkpoint now, scale the learning rate.

Requests come from another thread of this process or, through files in the run folder's `control/`,
from any other process. Both ways end in the same flags, so a stage never knows who asked.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUESTS = ("pause", "resume", "stop", "checkpoint", "learning_rate_scale")
_POLL_SECONDS = 0.05


def post(folder: Path, request: str, value: float = 0.0) -> None:
    """Leaves a request for the process that runs `folder`'s run; it is honoured within about 0.1 s."""
    if request not in REQUESTS:
        raise ValueError(f"unknown request {request!r}")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:6]}"
    temporary = folder / f".{name}"
    temporary.write_text(json.dumps({"request": request, "value": value}), encoding="utf-8")
    temporary.rename(folder / f"{name}.json")


class Control:
    """Thread-safe. The asking side calls the verbs; the stage reads the properties between yields."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._paused = False
        self._stopping = False
        self._checkpoint = False
        self._scale = 1.0
        self._next_poll = 0.0
        self._handed_over = False

    def pause(self) -> None:
        self._apply("pause", 0.0)

    def resume(self) -> None:
        self._apply("resume", 0.0)

    def stop(self) -> None:
        """Also ends a pause: a paused run that is stopped must save and go."""
        self._apply("stop", 0.0)

    def checkpoint(self) -> None:
        self._apply("checkpoint", 0.0)

    def scale_learning_rate(self, scale: float) -> None:
        """Multiplies the schedule from now on. scale: 0 < scale <= 100."""
        self._apply("learning_rate_scale", scale)

    @property
    def paused(self) -> bool:
        self._poll()
        return self._paused and not self._stopping

    @property
    def stopping(self) -> bool:
        self._poll()
        return self._stopping

    @property
    def learning_rate_scale(self) -> float:
        self._poll()
        return self._scale

    def take_checkpoint_request(self) -> bool:
        """True once for each request."""
        self._poll()
        with self._lock:
            asked, self._checkpoint = self._checkpoint, False
            return asked

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Meanwhile another process reads the folder; what is wished here is left there for it."""
        if self._folder is None:
            raise ValueError("only a control with a folder can be handed over")
        if self._paused:
            post(self._folder, "pause")
        if self._scale != 1.0:
            post(self._folder, "learning_rate_scale", self._scale)
        self._handed_over = True
        try:
            yield
        finally:
            self._handed_over = False

    def _apply(self, request: str, value: float) -> None:
        if self._handed_over and self._folder is not None:
            post(self._folder, request, value)
            if request == "checkpoint":
                return
        with self._lock:
            if request == "pause":
                self._paused = True
            elif request == "resume":
                self._paused = False
            elif request == "stop":
                self._stopping = True
            elif request == "checkpoint":
                self._checkpoint = True
            elif request == "learning_rate_scale" and 0.0 < value <= 100.0:
                self._scale = value

    def _poll(self) -> None:
        now = time.monotonic()
        if self._folder is None or self._handed_over or now < self._next_poll:
            return
        self._next_poll = now + _POLL_SECONDS
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.json")):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                self._apply(str(data["request"]), float(data.get("value", 0.0)))
            except (ValueError, KeyError, TypeError, OSError):
                continue  # a foreign or torn file steers nothing; it is removed below
            finally:
                path.unlink(missing_ok=True)
