"""One window on one workspace."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLockFile

from engine.errors import CutawayError

_PATIENCE_MS = 100


class WorkspaceLock:
    """Held as long as the object lives; a process that was killed holds it no more."""

    def __init__(self, root: Path) -> None:
        """Raises CutawayError when another window has the workspace open, saying which."""
        self._file = QLockFile(str(root / ".window.lock"))
        self._file.setStaleLockTime(0)  # age says nothing: a window may stay open for weeks
        if self._file.tryLock(_PATIENCE_MS):
            return
        if self._file.error() is not QLockFile.LockError.LockFailedError:
            raise CutawayError(
                f"The workspace {root} could not be opened.",
                "Its lock file cannot be written.",
                "Choose a workspace in a folder that you may write.",
            )
        raise WorkspaceInUseError(root, *self._file.getLockInfo())

    def release(self) -> None:
        self._file.unlock()


class WorkspaceInUseError(CutawayError):
    def __init__(self, root: Path, process: int, host: str, application: str) -> None:
        who, where = application.capitalize() or "A program", host or "this computer"
        super().__init__(
            f"The workspace {root} is open in another window.",
            f"{who} with process number {process} on {where} holds it.",
            "Use that window, close it first, or choose another folder.",
        )
