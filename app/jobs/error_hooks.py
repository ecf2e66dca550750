"""Whatever nobody caught: written to a log, shown in the window, never the end of the program."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from engine.errors import CutawayError

_LOG_BYTES = 2**20
_SAME_AGAIN_SECONDS = 10.0
_REMEMBERED = 200


class ErrorHooks:
    """tell: gets the error to show, on whatever thread it happened. A mistake that repeats itself, as one in a
    paintEvent does, is told once in ten seconds; the log has the first of each such span."""

    def __init__(self, tell: Callable[[CutawayError], None]) -> None:
        self.tell = tell
        self._told: dict[str, float] = {}
        self._log: BufferedWriter | None = None
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        sys.excepthook = self._unhandled
        threading.excepthook = lambda args: self._unhandled(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )
        qInstallMessageHandler(self._from_qt)

    def log_to(self, folder: Path) -> None:
        """From now on everything is also written there; a crash of the interpreter too. Silent if that is impossible:
        the workspace said so already."""
        try:
            folder.mkdir(exist_ok=True)
            path = folder / "window.log"
            if path.exists() and path.stat().st_size > _LOG_BYTES:
                path.replace(folder / "window.old.log")
            log = path.open("ab", buffering=0)
        except OSError as error:
            sys.stderr.write(f"no log: {error}\n")
            return
        self._log, old = log, self._log  # type: ignore[assignment]
        faulthandler.enable(log)
        if old is not None:
            old.close()

    def remove(self) -> None:
        sys.excepthook, threading.excepthook = self._before
        qInstallMessageHandler(None)
        faulthandler.disable()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _unhandled(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        # A paintEvent that failed leaves its QPainter in the traceback, alive; Qt crashes when its device goes first.
        traceback.clear_frames(trace)
        if self._is_news(details):
            self._write(details)
            self.tell(error if isinstance(error, CutawayError) else _in_words(kind, error, details))

    def _is_news(self, details: str) -> bool:
        now = time.monotonic()
        if len(self._told) > _REMEMBERED:
            self._told.clear()
        recent = self._told.get(details, -_SAME_AGAIN_SECONDS)
        self._told[details] = now
        return now - recent >= _SAME_AGAIN_SECONDS

    def _from_qt(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if kind is not QtMsgType.QtDebugMsg and self._is_news(message):
            self._write(f"Qt {kind.name[2:-3].lower()}: {message}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        if self._log is not None:
            self._log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}".encode(errors="replace"))


def _in_words(kind: type[BaseException], error: BaseException, details: str) -> CutawayError:
    return CutawayError(
        "Something in the window went wrong that should not have.",
        f"{kind.__name__}: {error}",
        "The window goes on, and what was saved is intact. Copy the details into a report.",
        details,
    )
