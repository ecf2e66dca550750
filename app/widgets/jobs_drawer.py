"""The jobs drawer: one line while folded; open, the queue with its stages and the log."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.jobs.job_queue import Job, JobQueue
from app.theme.palette import colors
from app.theme.type import M, font
from app.widgets.bar import Bar
from app.widgets.buttons import ToolButton
from app.widgets.jobs_drawer_queue import QueueView
from app.widgets.jobs_drawer_words import state_words
from app.widgets.label import Hairline, Label
from app.widgets.progress_ring import ProgressRing
from app.widgets.status_bar_run import LiveRun
from app.widgets.timeline import clock
from engine.events import RunState

FOLDED, OPEN = 32, 240
_TURNING = (RunState.STARTING, RunState.RUNNING, RunState.STOPPING, RunState.SAVING)


class JobsDrawer(QWidget):
    """opened(bool) when it opens or folds, by hand or by program."""

    opened = Signal(bool)

    def __init__(self, live: LiveRun, jobs: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live = live
        self._last_words = ""
        self.setAccessibleName("Jobs")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 1, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._build_row())
        self._body = self._build_body(jobs)
        layout.addWidget(self._body, 1)
        live.changed.connect(self.refresh)
        live.logged.connect(self._add_lines)
        jobs.began.connect(self._forget)
        jobs.ended.connect(self._remember)
        self.set_open(False)
        self.refresh()

    def _build_row(self) -> QWidget:
        self._row = row = _Row()
        row.setFixedHeight(FOLDED - 1)
        row.clicked.connect(lambda: self.set_open(not self.is_open))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(8, 0, 16, 0)
        layout.setSpacing(0)
        self._fold = ToolButton("ph.caret-up", "Open the jobs drawer")
        self._fold.clicked.connect(lambda: self.set_open(not self.is_open))
        self._ring = ProgressRing(12)
        self._name = Label(size=11)
        self._bar = Bar(width=140)
        self._bar.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._left = Label(role="muted", size=11, steady=True)
        self._waiting = Label(role="muted", size=11)
        self._newest = Label(role="muted", size=11, fixed=True)
        title = Label("Jobs", size=11, weight=600)
        for widget, gap in ((self._fold, 10), (title, 17), (self._ring, 8), (self._name, 8), (self._bar, 9)):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
            layout.addSpacing(gap)
        layout.addWidget(self._left, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addSpacing(17)
        layout.addWidget(self._waiting, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addStretch(1)
        layout.addWidget(self._newest, 0, Qt.AlignmentFlag.AlignVCenter)
        return row

    def _build_body(self, jobs: JobQueue) -> QWidget:
        body = QWidget()
        layout = QHBoxLayout(body)
        layout.setContentsMargins(18, 4, 16, M)
        layout.setSpacing(16)
        self.queue = QueueView(self._live, jobs)
        layout.addWidget(self.queue, 2)
        layout.addWidget(Hairline(vertical=True))
        self._log = QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setProperty("bare", True)
        self._log.setFont(font(11, fixed=True))
        self._log.setMaximumBlockCount(2_000)
        self._log.setAccessibleName("Log of the run")
        self._log.setPlaceholderText("What a run tells is listed here.")
        layout.addWidget(self._log, 3)
        return body

    @property
    def is_open(self) -> bool:
        return self.height_wanted == OPEN

    def set_open(self, opened: bool) -> None:
        self.height_wanted = OPEN if opened else FOLDED
        self._body.setVisible(opened)
        self.setFixedHeight(self.height_wanted)
        self._fold.set_icon("ph.caret-down" if opened else "ph.caret-up")
        words = "Fold the jobs drawer" if opened else "Open the jobs drawer"
        self._fold.setToolTip(words)
        self._fold.setAccessibleName(words)
        if opened:
            self.queue.refresh()
        self.opened.emit(opened)

    def say(self, line: str) -> None:
        """One line of the window's own for the log."""
        self._add_lines([line])

    def refresh(self) -> None:
        live, state = self._live, self._live.state
        at_work = state is not None
        shows = at_work and live.is_current
        self._ring.setVisible(state in _TURNING)
        self._ring.set_share((live.share or None) if shows and state is RunState.RUNNING else None)
        if state is None or live.job is None:
            self._name.setText(self._last_words or "nothing running")
        else:
            self._name.setText(
                f"{live.stage_title} · {live.job.run.recipe.name}" if shows else live.job.run.recipe.name
            )
        self._name.set_role("text" if at_work else "muted")
        self._bar.setVisible(shows and live.share > 0)
        self._bar.set(live.share)
        self._bar.set_role("warning" if state is RunState.PAUSED else "accent")
        self._left.setText(self._left_words(state) if at_work else "")
        waiting = live.to_come if at_work else []
        verb = "waits" if len(waiting) == 1 else "wait"
        self._waiting.setText(f"{len(waiting)} {verb}: {', '.join(waiting)}" if waiting else "")
        if self.is_open:
            self.queue.refresh()

    def _left_words(self, state: RunState | None) -> str:
        if state is RunState.PAUSED:
            return f"paused at step {self._live.step:,}" if self._live.step else "paused"
        if state in (RunState.STARTING, RunState.STOPPING, RunState.SAVING):
            return str(state.value)
        left = self._live.seconds_left
        return f"{clock(left)} left" if left is not None else ""

    def _forget(self, _job: Job) -> None:
        self._last_words = ""

    def _remember(self, job: Job) -> None:
        """How the last job ended stays in the row: "Pretrain stopped at step 412, checkpoint kept"."""
        status = job.run.status()
        kept = any(job.run.folder.glob("*/checkpoints/step-*"))
        title = str(job.run.recipe.stages[job.stage].module.TITLE)
        words = state_words(job.state, title, status.step)
        if job.state in (RunState.STOPPED, RunState.FAILED) and kept:
            words += ", checkpoint kept"
        self._last_words = f"{job.run.recipe.name} done" if job.state is RunState.DONE else words
        self.refresh()

    @property
    def last_words(self) -> str:
        return self._last_words

    def _add_lines(self, lines: list[str]) -> None:
        for line in lines[-500:]:
            self._log.appendPlainText(line)
        if lines:
            self._newest.setText(lines[-1] if len(lines[-1]) < 90 else f"{lines[-1][:88]}…")

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(p.surface))
        painter.fillRect(0, 0, self.width(), 1, QColor(p.hairline))


class _Row(QWidget):
    """The folded line: a click anywhere on it opens the drawer."""

    clicked = Signal()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()
