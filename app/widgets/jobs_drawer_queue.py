"""The queue in the open drawer: the job at work with its stages, and what waits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.jobs.job_queue import Job, JobQueue
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.status_bar_run import LiveRun
from app.widgets.tag import Tag
from engine.events import RunState

_TAGS = {
    RunState.RUNNING: ("running", "accent", "ring"),
    RunState.STARTING: ("starting", "accent", "ring"),
    RunState.STOPPING: ("stopping", "warning", "ring"),
    RunState.SAVING: ("saving", "warning", "ring"),
    RunState.PAUSED: ("paused", "warning", "ph.pause"),
    RunState.DONE: ("done", "ok", "ph.check"),
    RunState.FAILED: ("failed", "danger", "ph.x"),
    RunState.DIED: ("died", "danger", "ph.x"),
    RunState.STOPPED: ("stopped", "neutral", ""),
    RunState.WAITING: ("waits", "neutral", ""),
}


def state_tag(state: RunState, *, small: bool = True) -> Tag:
    text, kind, icon = _TAGS[state]
    return Tag(text, kind, icon, small=small)


class QueueView(QScrollArea):
    """Rebuilt only when what it shows changes, so that the rings keep turning."""

    def __init__(self, live: LiveRun, jobs: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live, self._jobs = live, jobs
        self._shown: object = None
        self._progress = Label(role="muted", size=11)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Queue")

    def refresh(self) -> None:
        current, waiting = self._jobs.current, list(self._jobs.waiting)
        states = tuple(status.state for status in self._live.statuses) if self._live.is_current else ()
        now = (current, current and current.state, states, tuple(waiting))
        self._progress.setText(self._live.progress_words if self._live.is_current else "")
        if now == self._shown:
            return
        self._shown = now
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(2)
        if current is None:
            layout.addWidget(
                Label("Nothing runs. Start a recipe on Home; a second one waits here for its turn.", "muted")
            )
        else:
            detached = "in its own process" if current.detached else ""
            layout.addLayout(_line(current.run.recipe.name, detached, state_tag(current.state), weight=600))
            for index, (title, state) in enumerate(zip(self._live.titles, states, strict=False)):
                row = _line(title, "", state_tag(state), indent=16)
                if index == self._live.stage:
                    self._progress = Label(self._live.progress_words, "muted", 11)
                    row.insertWidget(1, self._progress)
                layout.addLayout(row)
        for job in waiting:
            layout.addLayout(self._waiting_line(job))
        layout.addStretch(1)
        self.setWidget(body)
        body.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)

    def _waiting_line(self, job: Job) -> QHBoxLayout:
        remove = ToolButton("ph.x", f"Take {job.run.recipe.name} out of the queue")
        remove.clicked.connect(lambda: self._jobs.remove(job))
        row = _line(job.run.recipe.name, "waits for its turn", state_tag(RunState.WAITING), weight=600)
        row.addWidget(remove)
        return row


def _line(name: str, detail: str, tag: Tag, *, weight: int = 400, indent: int = 0) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(indent, 0, 0, 0)
    row.setSpacing(8)
    row.addWidget(Label(name, weight=weight))
    row.addWidget(Label(detail, "muted", 11))
    row.addStretch(1)
    row.addWidget(tag)
    return row
