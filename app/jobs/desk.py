"""What every page works with: one object, handed to `build`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.jobs.engine_thread import EngineThread
from app.jobs.event_feed import EventFeed
from app.jobs.job_queue import Job, JobQueue
from app.jobs.run_list import RunList
from app.jobs.run_summary import RunSummary
from app.jobs.settings import Settings
from app.jobs.workspace_lock import WorkspaceLock
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.local import RecipeRun
from engine.store.workspace import Workspace, open_workspace


class DeskBus(QObject):
    """What one room of the window says to the others.

    navigate(page name, argument): show a page; the argument goes to its `open`.
    inspect(Inspection | None): what is under the pointer, for the inspector.
    rest(Inspection | None): what the inspector says while nothing is pointed at, until another page is shown; None for
        the page's help.
    notice(level, text): one line for the drawer; level "info", "warning" or "ok".
    error(CutawayError): something a person should read.
    moved_on(): another run or base was chosen; an error that still stands was not about it.
    undo(text, callable): something was done that can be taken back for a while.
    theme_changed(): the palette is another one, for what does not get QEvent.PaletteChange.
    workspace_changed(Workspace): another folder is open now.
    interrupted(list[RunSummary]): runs whose process vanished, newest first; told once after the workspace is read.
    """

    navigate = Signal(str, object)
    inspect = Signal(object)
    rest = Signal(object)
    notice = Signal(str, str)
    error = Signal(object)
    moved_on = Signal()
    undo = Signal(str, object)
    theme_changed = Signal()
    workspace_changed = Signal(object)
    interrupted = Signal(list)


@dataclass
class Desk:
    settings: Settings
    workspace: Workspace
    engine: EngineThread
    jobs: JobQueue
    feed: EventFeed
    runs: RunList
    bus: DeskBus
    lock: WorkspaceLock | None = None
    _opened: bool = False
    _looked_at: Workspace | None = None

    def open(self) -> None:
        """Starts the engine thread and reads what is in the workspace."""
        self.engine.start()
        self._opened = True
        self.runs.refresh()
        self.look_once()  # a page may have had the runs read already

    def use_workspace(self, root: Path) -> None:
        """Goes over to another folder. Raises CutawayError, and stays, when that cannot be opened or a job needs this
        one."""
        workspace = open_workspace(root)
        if workspace == self.workspace:
            return
        if self.jobs.busy or self.jobs.waiting:
            raise CutawayError(
                "The workspace cannot be changed now.", "A run works in this one.", "Stop the run, then choose again."
            )
        lock = WorkspaceLock(workspace.root) if self.lock is not None else None
        if self.lock is not None:
            self.lock.release()
        self.lock, self.workspace, self.feed.workspace = lock, workspace, workspace
        self.jobs.use_workspace(workspace)
        self.feed.follow(None)
        self.engine.configure(workspace=workspace)
        self.bus.workspace_changed.emit(workspace)
        self.runs.use_workspace(workspace)

    def open_run(self, summary: RunSummary) -> RecipeRun:
        """Raises CutawayError when its folder is no run of this version."""
        return RecipeRun.open(self.workspace, summary.folder)

    def look_once(self) -> None:
        """When a workspace has been read: finds runs that work elsewhere, and offers those that died."""
        if not self._opened or not self.runs.loaded or self._looked_at == self.workspace:
            return
        self._looked_at = self.workspace
        for summary in self.runs.summaries:
            if summary.is_live and self.jobs.current is None:
                self.jobs.adopt(self.open_run(summary))
        died = [summary for summary in self.runs.summaries if summary.state is RunState.DIED]
        if died:
            self.bus.interrupted.emit(died)

    def close(self) -> None:
        """Ends everything in order; a run in this process is stopped and saved first. Waits for the engine thread."""
        self.feed.stop()
        self.runs.close()
        self.jobs.close()
        self.engine.shut_down()
        self.settings.save()
        if self.lock is not None:
            self.lock.release()


def make_desk(settings: Settings, workspace: Workspace, lock: WorkspaceLock | None = None) -> Desk:
    """The rooms, wired: what begins is followed, what goes wrong is shown. Nothing runs before `Desk.open`."""
    engine = EngineThread(workspace)
    engine.configure(device=settings.device, threads=settings.threads, weights=settings.weights)
    jobs = JobQueue(workspace, engine, settings)
    runs = RunList(workspace)
    desk = Desk(settings, workspace, engine, jobs, EventFeed(workspace), runs, DeskBus(), lock)
    engine.failed.connect(desk.bus.error)
    jobs.trouble.connect(desk.bus.error)

    def follow(job: Job) -> None:
        desk.feed.follow(job.run.folder)

    def use_setting(name: str) -> None:
        if name in ("device", "threads", "weights"):
            engine.configure(device=settings.device, threads=settings.threads, weights=settings.weights)

    runs.changed.connect(desk.look_once)
    jobs.began.connect(follow)
    jobs.began.connect(runs.refresh)
    jobs.ended.connect(runs.refresh)
    jobs.changed.connect(desk.feed.wake)
    settings.changed.connect(use_setting)
    return desk
