"""The page itself: follows the run of the feed, or offers to tune a base model; four steps in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.pages.finetune.bases import Base, list_bases
from app.pages.finetune.following import STAGE, Following
from app.pages.finetune.header import COMPARE, DATA, RUN, TEMPLATE, TuningHeader, press
from app.pages.finetune.nothing_yet import ASSISTANT, show_time
from app.pages.finetune.steps_stack import StepsStack
from app.pages.finetune.tuning_run import TuningRun
from app.widgets.cost_words import cost_words
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.recipe import Recipe, load_recipe

_TITLE = "Fine-tune"
_READING = "The conversations are still being read."
_MARKS = {
    RunState.WAITING: "",
    RunState.PAUSED: "paused",
    RunState.STOPPED: "paused",
    RunState.DONE: "done",
    RunState.FAILED: "failed",
    RunState.DIED: "problem",
}


class FinetunePage(PageWidget):
    """base: what is tuned next. bases: what could be."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.run = TuningRun()
        self.following = Following(desk, self.run, self)
        self._new = not self.following.tunes
        self._on_screen = False
        self.bases: list[Base] = []
        self.base: Base | None = None
        self._told_base: Path | None = None
        self.header = TuningHeader(self)
        self.steps = StepsStack(desk, self.run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.steps)
        self._connect()
        self._build_actions()
        self._show_another()

    def _connect(self) -> None:
        desk, header, steps, following = self._desk, self.header, self.steps, self.following
        following.another.connect(self._on_another)
        following.told.connect(self._show_all)
        desk.jobs.changed.connect(self._show_state)
        desk.runs.changed.connect(self._on_runs)
        header.chosen_run.connect(self._follow)
        header.chosen_base.connect(self.begin_with)
        header.steps.changed.connect(self.show_step)
        for signal, do in (
            (header.start, self._start),
            (header.pause, desk.jobs.pause),
            (header.go_on, desk.jobs.go_on),
            (header.stop, desk.jobs.stop),
            (header.resume, lambda: following.resume(1.0)),
            (steps.no_model.clicked, lambda: self._begin(load_recipe(ASSISTANT))),
            (steps.no_answers.clicked, lambda: self.show_step(RUN)),
            (steps.setup.reckoned, self._show_cost),
        ):
            signal.connect(do)
        for view in (steps.run_view, steps.compare, steps.setup):
            view.inspected.connect(desk.bus.inspect)

    def _build_actions(self) -> None:
        """What the command palette reaches."""
        header = self.header
        for text, keys, do in (
            ("Data of the fine-tuning", "Alt+1", lambda: self.show_step(DATA)),
            ("Template and mask", "Alt+2", lambda: self.show_step(TEMPLATE)),
            ("Run of the fine-tuning", "Alt+3", lambda: self.show_step(RUN)),
            ("Compare before and after", "Alt+4", lambda: self.show_step(COMPARE)),
            ("Start the fine-tuning", "Ctrl+Return", lambda: press(header.start_button)),
            ("Pause or go on with the fine-tuning", "", header.turn_pause),
            ("Stop the fine-tuning", "", lambda: press(header.stop_button)),
            ("Resume the fine-tuning", "", lambda: press(header.resume_button)),
            ("Save a checkpoint now", "Ctrl+Shift+S", self._save),
            ("Play all answers from step 0", "Ctrl+P", self._play),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)

    # What the window asks

    def header_left(self) -> Sequence[QWidget]:
        return self.header.left()

    def header_right(self) -> Sequence[QWidget]:
        return self.header.right()

    def shown(self) -> None:
        self._on_screen = True
        self._desk.runs.watch(self, True)
        self._on_runs()
        self._show_state()
        self._come_into_view()

    def hidden(self) -> None:
        self._on_screen = False
        self._desk.runs.watch(self, False)
        self.steps.compare.hidden()

    def open(self, argument: Any) -> None:
        """The folder of a run that was tuned, or of a model that can be."""
        if isinstance(argument, Path):
            tuned = any(argument.glob(f"*-{STAGE}"))
            if not tuned and any(base.folder == argument for base in self.bases):
                self.begin_with(argument)
            else:
                self._follow(argument)

    # What a person does

    def show_step(self, step: int) -> None:
        """DATA, TEMPLATE, RUN or COMPARE."""
        self.header.steps.set_current(step)
        self.steps.show_step(step, new=self._new, startable=self._startable)
        self._come_into_view()

    def begin_with(self, folder: Path) -> None:
        """Another fine-tuning, of the model in this folder."""
        self.base = next((base for base in self.bases if base.folder == folder), None)
        self._new = True
        self._desk.bus.moved_on.emit()
        self._list()
        self._show_state()

    def _follow(self, folder: Path) -> None:
        if self.following.follow(folder):
            self._new = not self.following.tunes
            self._list()
            self._show_all()

    def _start(self) -> None:
        if self.steps.setup.outlook is not None:
            self._begin(self.steps.setup.outlook.recipe)

    def _begin(self, recipe: Recipe) -> None:
        try:
            run = self._desk.jobs.start(recipe)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        if any(job.run.folder == run.folder for job in self._desk.jobs.waiting):
            self._desk.bus.notice.emit("info", f"{recipe.name} waits until the run at work is done.")
        else:
            self._follow(run.folder)
            self.show_step(RUN)

    def _save(self) -> None:
        if self.following.is_mine and not self._new:
            self._desk.jobs.checkpoint()

    def _play(self) -> None:
        self.show_step(COMPARE)
        self.steps.compare.looks.play_all()

    # What there is

    @property
    def _startable(self) -> bool:
        """Whether there is a model to tune, or nobody knows yet."""
        return bool(self.bases) or not self._desk.runs.loaded

    def _on_another(self) -> None:
        self._new = not self.following.tunes
        self._show_another()

    def _on_runs(self) -> None:
        if self._on_screen:
            now = datetime.now().astimezone()
            self.bases = list_bases(self._desk.workspace, self._desk.runs.summaries, now)
            chosen = self.base.folder if self.base else None
            first = self.bases[0] if self.bases else None
            self.base = next((base for base in self.bases if base.folder == chosen), first)
            self._list()

    def _on_data(self) -> None:
        """Other conversations: what a run would be, and the tokens that they become."""
        data = self.steps.data
        count = data.look.count("train") if data.look else 0
        self.steps.setup.use_data(data.recipe_tables(), data.problem() or (_READING if data.is_reading else ""), count)
        self._show_template()
        self._show_state()

    # What is shown

    def _show_another(self) -> None:
        self.steps.run_view.follow(self.following.recipe_run)
        self.steps.compare.follow()
        self._list()
        self._show_all()

    def _list(self) -> None:
        run, summaries = self.following.recipe_run, self._desk.runs.summaries
        tuned = [summary for summary in summaries if any(line.title == _TITLE for line in summary.stages)]
        base = self.base.folder if self.base else None
        self.header.show_choice(tuned, self.bases, base if self._new else run.folder if run else None, new=self._new)
        if self.steps.show_step(self.steps.step, new=self._new, startable=self._startable):
            self._come_into_view()
        nothing = self.steps.shows_nothing
        self.header.set_empty(nothing)
        if nothing and self._on_screen:
            show_time(self.steps.no_model, self._desk.workspace)
        if self._on_screen:
            self._show_learned()
        if self._new and self._on_screen and self.base is not None:
            self.steps.setup.begin_with(self.base)
            self._tell_base(self.base.folder)

    def _tell_base(self, folder: Path | None) -> None:
        """Only of another base: the conversations are read again for it."""
        steps = self.steps
        if steps.has_data and folder == self._told_base:
            return
        if not steps.has_data:
            steps.data.changed.connect(self._on_data)
        self._told_base = folder
        steps.data.show_base(folder)
        self._on_data()

    def _show_learned(self) -> None:
        """The data of a run are what it learned from, never what is chosen for the next one."""
        run = self.following.recipe_run
        if self.steps.has_data:
            self.steps.data.show_run(None if self._new or run is None else run.folder)

    def _come_into_view(self) -> None:
        if not self._on_screen:
            return
        self._desk.bus.rest.emit(self.steps.words())
        if self.steps.currentIndex() == DATA and not self._new:
            source = self.following.source()
            self._tell_base(source[0] if source else None)
            self._show_learned()
        self._show_template()
        self._show_models()
        self.steps.repaint_now()

    def _show_template(self) -> None:
        """Of the run in view, or of the one that is being set up; only while it is looked at."""
        if self.steps.currentIndex() != TEMPLATE:
            return
        template, source = self.steps.template, None if self._new else self.following.source()
        if source is not None:
            template.show_source(*source)
        elif self.base is not None and self.steps.has_data:
            table = self.steps.data.recipe_tables()["conversations"]
            template.show_source(self.base.folder, table, context_length=self.steps.setup.row_length)
        else:
            template.show_source(None, {})

    def _show_models(self) -> None:
        if self.steps.currentIndex() == COMPARE:
            self.steps.compare.use_models(None if self._new else self.following.both())

    def _show_all(self) -> None:
        if self._on_screen:
            self._show_state()
            self._show_models()
            self.steps.run_view.changed()
            self.steps.compare.changed()

    def _show_state(self) -> None:
        state, mine = self.following.state, self.following.is_mine and not self._new
        self.header.show_state(None if self._new else state, mine=mine)
        if self._new:
            self._mark_before()
        else:
            self._mark_run(state)
        self.steps.run_view.show_banner(self.following.banner())

    def _show_cost(self) -> None:
        outlook = self.steps.setup.outlook
        self.header.start_button.setEnabled(outlook is not None)
        if outlook is None:
            self.header.cost.say("cannot start yet", "", self.steps.setup.trouble)
            return
        time, *room = cost_words(outlook.stages).split(" · ")
        self.header.cost.say(time, " · ".join(room))

    def _mark_before(self) -> None:
        """How far each step is ready for Start."""
        marks, setup = self.header.steps, self.steps.setup
        problem = self.steps.data.problem() if self.steps.has_data else ""
        wrong = "problem" if self.base and not problem and setup.trouble != _READING else ""
        reading = self.steps.has_data and self.steps.data.is_reading
        ready = "" if reading else "ready"
        marks.set_mark(DATA, "problem" if problem else ready, problem or (_READING if reading else "ready"))
        marks.set_mark(TEMPLATE, ready if self.base and not problem else "")
        marks.set_mark(RUN, "ready" if setup.outlook is not None else wrong, setup.trouble or "ready")
        marks.set_mark(COMPARE, "", "after the first look")

    def _mark_run(self, state: RunState) -> None:
        marks = self.header.steps
        marks.set_mark(DATA, "done", "told")
        marks.set_mark(TEMPLATE, "done", "settled")
        marks.set_mark(RUN, _MARKS.get(state, "running"), state.value, self.run.share or 0.0)
        answered = "done" if state is RunState.DONE else "ready"
        marks.set_mark(COMPARE, answered if self.run.answers else "", "" if self.run.answers else "no look yet")
