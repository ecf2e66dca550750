"""The page itself: follows the run of the feed, or shows what the chosen recipe would be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.pages.home.header import Actions, ElidedLabel, RecipeTitle
from app.pages.home.live_guesses import Guesses, LiveGuesses
from app.pages.home.now_panel import NowPanel
from app.pages.home.recent_runs import ROWS, RecentRuns
from app.pages.home.road import Road
from app.pages.home.road_card import Scene
from app.pages.home.state import HomeState
from app.theme.type import L
from app.widgets.timeline import Timeline
from engine.errors import CutawayError
from engine.events import Event, RunState
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe, preset_names
from engine.store.run_folder import Status
from engine.store.workspace import Workspace

_REFRESH_MS = 250  # a step takes about as long, and painting takes time from the training
_FIRST_RECIPE = "first-words"
_OWN_TEXT = "shakespeare"


class HomePage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.state = HomeState(desk.workspace)
        self.guesses: Guesses | None = None
        self._shown = False
        self._by_hand = False
        self._title = RecipeTitle(_presets())
        self._description = ElidedLabel()
        self.controls = Actions()
        self.road = Road()
        self.timeline = Timeline()
        self.now = NowPanel()
        self.recent = RecentRuns()
        self._asker = LiveGuesses(desk.engine, self)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self.refresh)
        self._lay_out()
        self._add_actions()
        self._connect()
        self._begin()

    def _lay_out(self) -> None:
        panels = QHBoxLayout()
        panels.setSpacing(L)
        panels.addWidget(self.now, 41)
        panels.addWidget(self.recent, 59)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(L)
        layout.addWidget(self.road, 336)
        layout.addWidget(self.timeline)
        layout.addLayout(panels, 356)

    def _connect(self) -> None:
        desk, controls = self._desk, self.controls
        desk.feed.reset.connect(self._on_reset)
        desk.feed.rewound.connect(self._on_rewound)
        desk.feed.events.connect(self._on_events)
        desk.feed.status.connect(self._on_status)
        desk.feed.told.connect(self._on_told)
        desk.jobs.changed.connect(self._refresh_soon.start)
        desk.runs.changed.connect(self._on_runs)
        desk.bus.workspace_changed.connect(self._on_workspace)
        self._title.chosen.connect(self.choose)
        self._asker.answered.connect(self.take_guesses)
        self.road.opened.connect(self._open_page)
        self.recent.opened.connect(lambda run: desk.bus.navigate.emit(run.page, run.folder))
        self.recent.resumed.connect(self._resume)
        self.recent.first_steps.wished.connect(self._take_first_step)
        self.recent.all_wanted.connect(lambda: desk.bus.navigate.emit("runs", None))
        controls.find.connect(lambda: desk.bus.navigate.emit("actions", None))
        controls.start.connect(self.start)
        controls.pause.connect(desk.jobs.pause)
        controls.go_on.connect(desk.jobs.go_on)
        controls.stop.connect(desk.jobs.stop)
        controls.resume.connect(lambda: self._resume(self.state.view.run.folder if self.state.view else None))

    def _add_actions(self) -> None:
        """What the command palette offers while Home is in view."""
        named: list[tuple[str, str, Callable[[], object]]] = [("Start this recipe", "Ctrl+Return", self.start)]
        named.append(("Choose a text to learn from", "", self._choose_text))
        for name, description in _presets():
            named.append((f"Recipe {name}: {description}", "", lambda name=name: self.choose(name)))
        for words, key, run in named:
            action = QAction(words, self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, run=run: run())
            self.addAction(action)

    def _begin(self) -> None:
        if self._desk.feed.run is not None:
            self._on_reset(self._desk.feed.run)
        else:
            self.choose(self._desk.settings.last_recipe, remember=False)
        self._on_runs()

    # What the window asks

    def header_title(self) -> str:
        return " "  # the recipe's name stands there

    def header_left(self) -> Sequence[QWidget]:
        return (self._title, self._description)

    def header_right(self) -> Sequence[QWidget]:
        return (self.controls,)

    def shown(self) -> None:
        self._shown = True
        self._desk.runs.watch(self, True)
        job = self._desk.jobs.current
        if job is not None:
            self._follow(job.run.folder)
        self.refresh()

    def hidden(self) -> None:
        self._shown = False
        self._desk.runs.watch(self, False)
        self._asker.rest()

    def open(self, argument: Any) -> None:
        """{"files": [...]}: text that was dropped onto the window. "start": begin at once. A folder: that run."""
        if isinstance(argument, dict) and argument.get("files"):
            self.choose(_OWN_TEXT, tuple(Path(path) for path in argument["files"]))
        elif argument == "start":
            self.start()
        elif isinstance(argument, Path):
            self._follow(argument)

    # What a person does

    def choose(self, name: str, files: tuple[Path, ...] = (), *, remember: bool = True) -> None:
        """Shows the recipe as it would run. While a run is alive that one stays in view."""
        if self.state.alive:
            self._desk.bus.notice.emit(
                "info", "A run is at work. Stop it, or wait for its end, to choose another recipe."
            )
            return
        self.guesses = None
        self._by_hand = remember
        self.state.choose(name, files)
        if self.state.recipe is None and name != _FIRST_RECIPE and not remember:
            self.state.choose(_FIRST_RECIPE)  # the one of last time is gone
        if remember and not files:
            self._desk.settings.last_recipe = name
        self.refresh()

    def start(self) -> None:
        recipe = self.state.recipe
        if recipe is None or self.state.alive:
            return
        if self.state.wants_text:
            self._choose_text()
            return
        try:
            run = self._desk.jobs.start(recipe)
            self._follow(run.folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    def _choose_text(self) -> None:
        kinds = "Text (*.txt *.md *.jsonl);;All files (*)"
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose the text to learn from", str(Path.home()), kinds)
        if paths:
            wanted = self.state.recipe_name if self.state.wants_text else _OWN_TEXT
            self.choose(wanted, tuple(Path(path) for path in paths))

    def _take_first_step(self, wish: str) -> None:
        if wish == "text":
            self._choose_text()
        else:
            self._desk.bus.navigate.emit(wish, None)

    def _resume(self, folder: Path | None) -> None:
        if folder is None:
            return
        try:
            self._desk.jobs.resume(RecipeRun.open(self._desk.workspace, folder))
            self._follow(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    def _open_page(self, page: str) -> None:
        view = self.state.view
        self._desk.bus.navigate.emit(page, view.run.folder if view is not None else None)

    def _follow(self, folder: Path) -> None:
        try:
            self._desk.feed.follow(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    # What the run tells

    def _on_reset(self, run: RecipeRun | None) -> None:
        self.guesses = None
        self._asker.rest()
        if run is None:
            self.state.view = None
            self.choose(self._desk.settings.last_recipe, remember=False)
            return
        self.state.follow(run)
        assert self.state.view is not None
        for index, stage in enumerate(self.state.view.stages):
            stage.take(self._desk.feed.history(stage.name))
            self.state.view.set_status(index, run.stage_folder(index).status())
            stage.read_plan()
        self._refresh_soon.start()

    def _on_events(self, index: int, _name: str, events: list[Event]) -> None:
        if self.state.view is not None:
            self.state.view.stages[index].take(events)

    def _on_rewound(self, index: int, name: str, _step: int) -> None:
        if self.state.view is not None:
            self.state.view.restart(index, self._desk.feed.history(name))

    def _on_status(self, index: int, status: Status) -> None:
        if self.state.view is not None:
            self.state.view.set_status(index, status)

    def _on_told(self) -> None:
        if self._shown and self.state.view is not None:
            self.refresh()

    def take_guesses(self, guesses: Guesses) -> None:
        self.guesses = guesses
        self._refresh_later()

    def _on_runs(self) -> None:
        summaries = self._desk.runs.summaries
        self.recent.show_runs(summaries[:ROWS], len(summaries))
        if self._desk.feed.run is None and self.state.view is None and summaries and not self._by_hand:
            newest = next((summary for summary in summaries if summary.state is not None), None)
            if newest is not None:
                self._follow(newest.folder)

    def _on_workspace(self, workspace: Workspace) -> None:
        self.state = HomeState(workspace)
        self.choose(self._desk.settings.last_recipe, remember=False)
        self._on_runs()

    # What is shown

    def _refresh_later(self) -> None:
        """Not at all while nobody looks."""
        if self._shown and not self._refresh_soon.isActive():
            self._refresh_soon.start()

    def refresh(self) -> None:
        state, view = self.state, self.state.view
        recipe = state.recipe
        if recipe is not None:
            self._title.set_name(recipe.name)
            self._description.setText(recipe.description)
            self.road.show_scene(Scene(recipe, state.forecast, view, self.guesses))
            self.now.show_fit(state.forecast, view, state.expected, state.free_bytes())
        self.now.show_words(state.words(), view)
        mark = {RunState.PAUSED: "paused"}.get(view.state, "elapsed" if state.alive else "worked") if view else ""
        self.timeline.set_spans(state.spans(), state.elapsed(), mark)
        self._show_actions()
        self._ask_model()

    def _show_actions(self) -> None:
        state = self.state
        self._title.set_locked(state.alive)
        if state.view is not None and state.alive:
            self.controls.show_alive(state.view.state, state.left_words())
            return
        words = "Start again" if state.view is not None else "Start"
        if state.wants_text:
            words = "Choose a text"
        self.controls.show_idle(state.cost_words(), words, resumable=state.resumable, ready=state.recipe is not None)

    def _ask_model(self) -> None:
        """The one that trains in this process while it does, else the newest checkpoint of the run in view."""
        view, job = self.state.view, self._desk.jobs.current
        stage = view.model if view is not None else None
        if not self._shown or view is None or stage is None or not stage.step:
            self._asker.rest()
            return
        here = job is not None and not job.detached and job.run.folder == view.run.folder
        if here and stage.alive:
            self._asker.watch(None, live=True, prompt=view.prompt, answers=stage.name == "sft")
        elif stage.newest_checkpoint is not None:
            # Of a fine-tuning the stage's folder means its best model, which need not be its newest.
            source = stage.folder if stage.name == "sft" else stage.newest_checkpoint
            self._asker.watch(source, live=False, prompt=view.prompt, answers=stage.name == "sft")


def _presets() -> list[tuple[str, str]]:
    found = []
    for name in preset_names():
        try:
            found.append((name, load_recipe(name).description))
        except CutawayError as error:
            found.append((name, error.what))
    return found
