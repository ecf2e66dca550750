"""The page itself: follows the run of the feed, or offers to begin one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.pages.train.header import RunHeader
from app.pages.train.parallel import PARALLEL, parallel
from app.pages.train.run_model import TrainRun
from app.pages.train.run_view import RunView
from app.pages.train.start_view import StartView
from app.widgets.banner_trouble import Remedies, banner_words
from engine.errors import CutawayError
from engine.events import Event, Resumed, RunState
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.files import read_json
from engine.store.run_folder import Status

STAGE = "pretrain"


class TrainPage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.run = TrainRun()
        self._index: int | None = None
        self._on_screen = False
        self._scale_after_resume = 1.0
        self.header = RunHeader(self)
        self.view = RunView(self.run, desk)
        self._start_view: StartView | None = None
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._connect()
        self._build_actions()
        self._on_reset(desk.feed.run)
        self._on_runs()

    def _connect(self) -> None:
        desk, header = self._desk, self.header
        desk.feed.reset.connect(self._on_reset)
        desk.feed.rewound.connect(self._on_rewound)
        desk.feed.events.connect(self._on_events)
        desk.feed.status.connect(self._on_status)
        desk.feed.told.connect(self._show_all)
        desk.jobs.changed.connect(self._show_state)
        desk.runs.changed.connect(self._on_runs)
        header.chosen.connect(self._choose)
        header.turned.connect(desk.jobs.scale_learning_rate)
        header.checkpoint.connect(desk.jobs.checkpoint)
        header.pause.connect(desk.jobs.pause)
        header.go_on.connect(desk.jobs.go_on)
        header.stop.connect(desk.jobs.stop)
        header.resume.connect(lambda: self._resume(1.0))
        self.view.inspected.connect(desk.bus.inspect)
        self.view.again.connect(self._run_again)

    def _build_actions(self) -> None:
        """What the command palette reaches."""
        buttons = self.header
        for text, keys, do in (
            ("Save a checkpoint now", "Ctrl+Shift+S", buttons.checkpoint_button.click),
            ("Logarithmic loss axis on or off", "", self.view.charts.loss.toggle_log),
            ("Show the whole run in the charts", "", self.view.charts.link.show_all),
            (PARALLEL, "", lambda: self._desk.bus.inspect.emit(parallel(self.run))),
            ("Set up a new run", "Ctrl+Shift+N", lambda: self._choose(None)),
        ):
            action = QAction(text, self)
            if keys:
                action.setShortcut(QKeySequence(keys))
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)

    @property
    def start(self) -> StartView:
        """The form before Start, built when it is first needed."""
        if self._start_view is None:
            self._start_view = StartView(self._desk)
            self._start_view.started.connect(self._start)
            self._start_view.left.connect(self._show_run_or_start)
            self._stack.addWidget(self._start_view)
        return self._start_view

    # What the window asks

    def header_left(self) -> Sequence[QWidget]:
        return self.header.left()

    def header_right(self) -> Sequence[QWidget]:
        return self.header.right()

    def shown(self) -> None:
        self._on_screen = True
        self._desk.runs.watch(self, True)
        if self._start_view is not None:
            self._start_view.shown()
        self._show_state()
        self.view.shown()

    def hidden(self) -> None:
        self._on_screen = False
        self._desk.runs.watch(self, False)

    def open(self, argument: Any) -> None:
        """The folder of a run; "new" for the settings of another one."""
        if isinstance(argument, Path):
            self._follow(argument)
        elif argument == "new":
            self._choose(None)

    # What a person does

    def _choose(self, folder: Path | None) -> None:
        if folder is None:
            self._show_start()
        else:
            self._follow(folder)
            self._stack.setCurrentWidget(self.view)

    def _follow(self, folder: Path) -> None:
        try:
            self._desk.feed.follow(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    def _start(self, recipe: Recipe) -> None:
        try:
            run = self._desk.jobs.start(recipe)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        if any(job.run.folder == run.folder for job in self._desk.jobs.waiting):
            self._desk.bus.notice.emit("info", f"{recipe.name} waits until the run at work is done.")
        else:
            self._choose(run.folder)

    def _run_again(self, dials: dict[str, float]) -> None:
        """The same recipe with other dials, as a run of its own."""
        run = self._desk.feed.run
        if run is None:
            return
        try:
            told = read_json(run.folder / "recipe.json")
            recipe = recipe_from_json(told, {f"{STAGE}.{name}": value for name, value in dials.items()})
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        self._start(recipe)

    def _go_on(self, factor: float) -> None:
        if factor != 1.0:
            self._desk.jobs.scale_learning_rate(self.run.scale * factor)
        self._desk.jobs.go_on()

    def _resume(self, factor: float) -> None:
        """From the newest checkpoint, which restores the factor of that time: ours is set once it has."""
        run = self._desk.feed.run
        if run is None:
            return
        self._scale_after_resume = factor
        try:
            self._desk.jobs.resume(run)
            self._desk.feed.wake()
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    # What the run tells

    def _on_reset(self, run: RecipeRun | None) -> None:
        self.run.clear()
        self._index = self._desk.feed.stage_index(STAGE)
        if run is not None and self._index is not None:
            self.run.take(self._desk.feed.history(STAGE))
            self._take_status(self._desk.feed.stage_status(self._index))
            self._read_plan()
        self.view.follow(run)
        self._show_run_or_start()

    def _on_events(self, index: int, _name: str, events: list[Event]) -> None:
        if index != self._index:
            return
        self.run.take(events)
        if any(isinstance(event, Resumed) for event in events) and self._is_mine():
            self._scale_after_resuming()
        if self.run.plan is None:
            self._read_plan()
            if self.run.plan is not None:
                self.view.plan_settled()

    def _scale_after_resuming(self) -> None:
        factor, self._scale_after_resume = self._scale_after_resume, 1.0
        if factor != 1.0:
            self._desk.jobs.scale_learning_rate(self.run.scale * factor)

    def _on_rewound(self, index: int, _name: str, step: int) -> None:
        if index == self._index:
            self.run.rewind(step)
            self._show_all()

    def _on_status(self, index: int, status: Status) -> None:
        if index == self._index:
            self._take_status(status)

    def _take_status(self, status: Status) -> None:
        """Only what events cannot tell: that nobody writes any more, or that the end was reached."""
        if status.state.is_final or not len(self.run.loss):
            self.run.state = status.state

    def _read_plan(self) -> None:
        assert self._desk.feed.run is not None
        assert self._index is not None
        path = self._desk.feed.run.stage_folder(self._index).path / "plan.json"
        if path.is_file():
            try:
                self.run.plan = read_json(path)
            except CutawayError:
                self.run.plan = None  # being written at this moment: the next event asks again

    def _on_runs(self) -> None:
        run, summaries = self._desk.feed.run, self._desk.runs.summaries
        trained = [s for s in summaries if s.state is not None and s.planned.steps]
        if run is None and trained and self._desk.jobs.current is None:
            self._follow(trained[0].folder)
            return
        self._list_runs()

    # What is shown

    def _show_run_or_start(self) -> None:
        if self._desk.feed.run is None or self._index is None:
            self._show_start()
        else:
            self._stack.setCurrentWidget(self.view)
        self._list_runs()
        self._show_all()

    def _show_start(self) -> None:
        self.start.back.setVisible(self._desk.feed.run is not None and self._index is not None)
        self.start.shown()
        self._stack.setCurrentWidget(self.start)
        self._list_runs()
        self._show_state()

    def _list_runs(self) -> None:
        run = self._desk.feed.run if self._stack.currentWidget() is self.view else None
        trained = [summary for summary in self._desk.runs.summaries if summary.has_stage("Pretrain")]
        self.header.show_runs(trained, run.folder if run else None)

    def _is_mine(self) -> bool:
        """Whether the run in view is the one that the queue steers."""
        job, run = self._desk.jobs.current, self._desk.feed.run
        return job is not None and run is not None and job.run.folder == run.folder

    def _show_all(self) -> None:
        if self._on_screen:
            self._show_state()
            self.view.changed()

    def _show_state(self) -> None:
        shows_run = self._stack.currentWidget() is self.view
        mine = self._is_mine()
        state = self._state(mine)
        self.header.show_state(state if shows_run else None, mine=mine and shows_run)
        self.header.tag.set_share(self.run.share if state is RunState.RUNNING else None)
        self.header.rate.show_rate(self.run.learning_rate.last, self.run.scale)
        remedies = Remedies(
            self._go_on,
            self._resume,
            can_go_on=mine and state is RunState.PAUSED,
            can_resume=not mine and state in (RunState.STOPPED, RunState.FAILED, RunState.DIED),
        )
        self.view.show_banner(banner_words(self.run, remedies, self._stage_before()))

    def _state(self, mine: bool) -> RunState:
        """The queue knows first that a run is stopping."""
        job = self._desk.jobs.current
        if mine and job is not None and job.state is RunState.STOPPING and not self.run.state.is_final:
            return RunState.SAVING if self.run.state is RunState.SAVING else RunState.STOPPING
        return self.run.state

    def _stage_before(self) -> str:
        """The title of the stage at work before training; "" once training has begun."""
        run = self._desk.feed.run
        if run is None or self._index is None or self.run.state is not RunState.WAITING:
            return ""
        for index in range(self._index):
            state = self._desk.feed.stage_status(index).state
            if not state.is_final and state is not RunState.WAITING:
                return str(run.recipe.stages[index].module.TITLE)
        return ""
