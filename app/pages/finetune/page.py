"""The page itself: follows the run of the feed, or offers to tune a base model; four steps in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import LIVE
from app.pages._page import PageWidget
from app.pages.finetune.bases import Base, chosen_checkpoint, list_bases, step_of
from app.pages.finetune.compare_ask import Both
from app.pages.finetune.compare_view import CompareView
from app.pages.finetune.data_view import DataView
from app.pages.finetune.header import COMPARE, DATA, RUN, TEMPLATE, TuningHeader
from app.pages.finetune.nothing_yet import ASSISTANT, no_answers, no_model, show_time
from app.pages.finetune.run_view import RunView
from app.pages.finetune.setup_view import SetupView
from app.pages.finetune.template_view import TemplateView
from app.pages.finetune.tuning_run import TuningRun
from app.pages.finetune.view_words import SETUP, STEPS
from app.widgets.banner_trouble import Remedies, banner_words
from app.widgets.cost_words import cost_words
from app.widgets.inspection import Inspection
from engine.errors import CutawayError
from engine.events import Event, Resumed, RunState
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, load_recipe
from engine.store.files import read_json
from engine.store.run_folder import Status

STAGE = "sft"
NOTHING = 4  # the place behind the four steps


class FinetunePage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.run = TuningRun()
        self._index: int | None = None
        self._new = True
        self._bases: list[Base] = []
        self.base: Base | None = None
        self._told_base: Path | None = None
        self._on_screen = False
        self._step = DATA
        self._scale_after_resume = 1.0
        self.header = TuningHeader(self)
        self._data_view: DataView | None = None
        self._template_view: TemplateView | None = None
        self.run_view = RunView(self.run, desk)
        self.setup = SetupView(desk)
        self.compare_view = CompareView(self.run, desk)
        self._stack = QStackedWidget()
        self._run_stack = QStackedWidget()
        self._run_stack.addWidget(self.run_view)
        self._run_stack.addWidget(self.setup)
        self._places = (QStackedWidget(), QStackedWidget())
        self._compare_stack = QStackedWidget()
        self.no_answers, self.no_model = no_answers(), no_model()
        self._compare_stack.addWidget(self.compare_view)
        self._compare_stack.addWidget(self.no_answers)
        for view in (*self._places, self._run_stack, self._compare_stack, self.no_model):
            self._stack.addWidget(view)
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
        header.chosen_run.connect(self._follow)
        header.chosen_base.connect(self.begin_with)
        header.steps.changed.connect(self.show_step)
        header.pause.connect(desk.jobs.pause)
        header.go_on.connect(desk.jobs.go_on)
        header.stop.connect(desk.jobs.stop)
        header.resume.connect(lambda: self._resume(1.0))
        header.start.connect(self._start)
        self.no_model.clicked.connect(lambda: self._begin(load_recipe(ASSISTANT)))
        self.no_answers.clicked.connect(lambda: self.show_step(RUN))
        self.setup.reckoned.connect(self._show_cost)
        for view in (self.run_view, self.compare_view, self.setup):
            view.inspected.connect(self._inspect)

    def _build_actions(self) -> None:
        """What the command palette reaches."""
        for text, keys, do in (
            ("Data of the fine-tuning", "Alt+1", lambda: self.show_step(DATA)),
            ("Template and mask", "Alt+2", lambda: self.show_step(TEMPLATE)),
            ("Run of the fine-tuning", "Alt+3", lambda: self.show_step(RUN)),
            ("Compare before and after", "Alt+4", lambda: self.show_step(COMPARE)),
            ("Start the fine-tuning", "Ctrl+Return", self.header.start_button.click),
            ("Pause or go on with the fine-tuning", "", self._turn_pause),
            ("Stop the fine-tuning", "", self.header.stop_button.click),
            ("Resume the fine-tuning", "", self.header.resume_button.click),
            ("Save a checkpoint now", "Ctrl+Shift+S", self._desk.jobs.checkpoint),
            ("Play all answers from step 0", "Ctrl+P", self._play),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)

    @property
    def data_view(self) -> DataView:
        """Built when it is first needed: it reads conversations at once."""
        if self._data_view is None:
            self._data_view = DataView(self._desk)
            self._places[DATA].addWidget(self._data_view)
            self._data_view.changed.connect(self._on_data)
        return self._data_view

    @property
    def template_view(self) -> TemplateView:
        """Built when it is first needed."""
        if self._template_view is None:
            self._template_view = TemplateView(self._desk)
            self._places[TEMPLATE].addWidget(self._template_view)
        return self._template_view

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
        self._shown_view()

    def hidden(self) -> None:
        self._on_screen = False
        self._desk.runs.watch(self, False)
        self.compare_view.hidden()

    def open(self, argument: Any) -> None:
        """The folder of a run that was or can be tuned; "new" for another one."""
        if isinstance(argument, Path):
            tuned = any(argument.glob(f"*-{STAGE}"))
            if not tuned and any(base.folder == argument for base in self._bases):
                self.begin_with(argument)
            else:
                self._follow(argument)

    # What a person does

    def show_step(self, step: int) -> None:
        """DATA, TEMPLATE, RUN or COMPARE."""
        self._step = step
        self.header.steps.set_current(step)
        self._stack.setCurrentIndex(NOTHING if self._new and not self._bases else step)
        self._shown_view()
        self._inspect(None)

    def _inspect(self, item: Inspection | None) -> None:
        """What is pointed at; at rest what the step in view is."""
        if self._on_screen:
            rest = SETUP if self._step == RUN and self._new else STEPS[self._step]
            self._desk.bus.inspect.emit(item or (None if self._stack.currentIndex() == NOTHING else rest))

    def begin_with(self, folder: Path) -> None:
        """Another fine-tuning, of the model in this folder."""
        self.base = next((base for base in self._bases if base.folder == folder), None)
        self._new = True
        self._list()
        self._show_state()

    def _start(self) -> None:
        if self.setup.outlook is not None:
            self._begin(self.setup.outlook.recipe)

    def _begin(self, recipe: Recipe) -> None:
        try:
            run = self._desk.jobs.start(recipe)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        if any(job.run.folder == run.folder for job in self._desk.jobs.waiting):
            words = f"{recipe.name} waits until the run at work is done."
            self._desk.bus.notice.emit("info", words)
        else:
            self._follow(run.folder)
            self.show_step(RUN)

    def _turn_pause(self) -> None:
        button = self.header.pause_button if self.header.go_on_button.isHidden() else self.header.go_on_button
        button.click()

    def _play(self) -> None:
        self.show_step(COMPARE)
        self.compare_view.looks.play_all()

    def _follow(self, folder: Path) -> None:
        try:
            self._desk.feed.follow(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        self._new = self._index is None
        self._list()
        self._show_all()

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
        self._new = self._index is None
        if run is not None and self._index is not None:
            self.run.settings = run.recipe.stages[self._index].config.model_dump()
            self.run.take(self._desk.feed.history(STAGE))
            self._take_status(self._desk.feed.stage_status(self._index))
            self._read_plan()
        self.run_view.follow(run)
        self.compare_view.follow()
        self._list()
        self._show_all()

    def _on_events(self, index: int, _name: str, events: list[Event]) -> None:
        if index != self._index:
            return
        self.run.take(events)
        if any(isinstance(event, Resumed) for event in events) and self._is_mine():
            factor, self._scale_after_resume = self._scale_after_resume, 1.0
            if factor != 1.0:
                self._desk.jobs.scale_learning_rate(self.run.scale * factor)
        if self.run.plan is None:
            self._read_plan()

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
        if not self._on_screen:
            return
        now = datetime.now().astimezone()
        self._bases = list_bases(self._desk.workspace, self._desk.runs.summaries, now)
        chosen = self.base.folder if self.base else None
        self.base = next(
            (base for base in self._bases if base.folder == chosen), self._bases[0] if self._bases else None
        )
        self._list()

    # What is shown

    def _list(self) -> None:
        tuned = [s for s in self._desk.runs.summaries if any(line.title == "Fine-tune" for line in s.stages)]
        run = self._desk.feed.run
        shown = (self.base.folder if self.base else None) if self._new else (run.folder if run else None)
        self.header.show_choice(tuned, self._bases, shown, new=self._new)
        self._run_stack.setCurrentWidget(self.setup if self._new else self.run_view)
        self._compare_stack.setCurrentWidget(self.no_answers if self._new else self.compare_view)
        self._show_nothing_or_step()
        if self._new:
            self.setup.begin_with(self.base)
            self._tell_base()

    def _show_nothing_or_step(self) -> None:
        """Without a model there is nothing to set up."""
        nothing = self._new and not self._bases and self._desk.runs.loaded
        if nothing and self._stack.currentIndex() != NOTHING:
            show_time(self.no_model, self._desk.workspace)
        self.header.steps.setVisible(not nothing)
        self.header.choice.setVisible(not nothing)
        self.header.set_startable(not nothing)
        wanted = NOTHING if nothing else self._step
        if self._stack.currentIndex() != wanted:
            self._stack.setCurrentIndex(wanted)
            self._shown_view()

    def _is_mine(self) -> bool:
        """Whether the run in view is the one that the queue steers."""
        job, run = self._desk.jobs.current, self._desk.feed.run
        return job is not None and run is not None and job.run.folder == run.folder

    def _shown_view(self) -> None:
        step = self._stack.currentIndex()
        if step == DATA:
            self.data_view.show()
        elif step == TEMPLATE:
            self._show_template()
        elif step == RUN and not self._new:
            self.run_view.shown()
        elif step == COMPARE:
            self.compare_view.shown()

    def _show_all(self) -> None:
        if self._on_screen:
            self._show_state()
            self.run_view.changed()
            self.compare_view.changed()

    def _show_state(self) -> None:
        mine = self._is_mine() and not self._new
        state = self._state(mine)
        self.header.show_state(None if self._new else state, mine=mine)
        self._mark_steps(state)
        remedies = Remedies(
            self._go_on,
            self._resume,
            can_go_on=mine and state is RunState.PAUSED,
            can_resume=not mine and state in (RunState.STOPPED, RunState.FAILED, RunState.DIED),
        )
        self.compare_view.use_models(self._both(state, mine))
        self.run_view.show_banner(banner_words(self.run, remedies, self._stage_before()))

    def _on_data(self) -> None:
        """Other conversations: what a run would be, and the tokens that they become."""
        look = self.data_view.look
        self.setup.use_data(
            self.data_view.recipe_tables(), self.data_view.problem(), look.count("train") if look else 0
        )
        if self._stack.currentIndex() == TEMPLATE:
            self._show_template()
        self._show_state()

    def _tell_base(self) -> None:
        """Only of another base: the conversations are read again for it."""
        folder = self.base.folder if self.base else None
        if self._on_screen and self._bases and (self._data_view is None or folder != self._told_base):
            self._told_base = folder
            self.data_view.show_base(folder)
            self._on_data()

    def _show_template(self) -> None:
        """Of the run in view, or of the one that is being set up."""
        run, index = self._desk.feed.run, self._desk.feed.stage_index("conversations")
        if not self._new and run is not None and index is not None and self._index is not None:
            base = run.recipe.stages[self._index].config.model_dump()["base"]
            table = run.recipe.stages[index].config.model_dump(exclude_unset=True)
            self.template_view.show_source(self._desk.workspace.root / base if base else run.folder, table)
        elif self.base is not None:
            table = self.data_view.recipe_tables()["conversations"]
            self.template_view.show_source(self.base.folder, table, context_length=self.setup.row_length)
        else:
            self.template_view.show_source(None, {})

    def _show_cost(self) -> None:
        outlook = self.setup.outlook
        self.header.start_button.setEnabled(outlook is not None)
        if outlook is None:
            self.header.cost.say("cannot start yet", "", self.setup.trouble)
            return
        words = cost_words(outlook.stages).split(" · ")
        self.header.cost.say(words[0], " · ".join(words[1:]))

    def _mark_steps(self, state: RunState) -> None:
        steps = self.header.steps
        if self._new:
            problem = self._data_view.problem() if self._data_view else ""
            steps.set_mark(DATA, "problem" if problem else "ready", problem)
            steps.set_mark(TEMPLATE, "ready" if self.base and not problem else "", "")
            ready = self.setup.outlook is not None
            steps.set_mark(
                RUN, "ready" if ready else "problem" if self.base and not problem else "", self.setup.trouble
            )
            steps.set_mark(COMPARE, "", "after the first look")
            return
        steps.set_mark(DATA, "done", "told")
        steps.set_mark(TEMPLATE, "done", "settled")
        steps.set_mark(RUN, _MARKS.get(state, "running"), state.value, self.run.share or 0.0)
        answered = bool(self.run.answers)
        steps.set_mark(COMPARE, ("done" if state is RunState.DONE else "ready") if answered else "", "")

    def _both(self, state: RunState, mine: bool) -> Both | None:
        """The models that answer one's own questions: the base, and the one in training or the best that is kept."""
        run, plan = self._desk.feed.run, self.run.plan
        if self._new or run is None or self._index is None or plan is None:
            return None
        base = self._desk.workspace.root / str(plan.get("base_folder", ""))
        job = self._desk.jobs.current
        if mine and not state.is_final and job is not None and job.worker is not None:
            return Both(base, self.run.base_name, LIVE, "tuned, as it is now")
        folder = run.stage_folder(self._index).path
        kept = chosen_checkpoint(folder)
        name = f"tuned, step {step_of(kept):,}" if kept else "tuned, nothing saved yet"
        return Both(base, self.run.base_name, kept, name)

    def _state(self, mine: bool) -> RunState:
        """The queue knows first that a run is stopping."""
        job = self._desk.jobs.current
        if mine and job is not None and job.state is RunState.STOPPING and not self.run.state.is_final:
            return RunState.SAVING if self.run.state is RunState.SAVING else RunState.STOPPING
        return self.run.state

    def _stage_before(self) -> str:
        """The title of the stage at work before fine-tuning; "" once that has begun."""
        run = self._desk.feed.run
        if run is None or self._index is None or self.run.state is not RunState.WAITING:
            return ""
        for index in range(self._index):
            state = self._desk.feed.stage_status(index).state
            if not state.is_final and state is not RunState.WAITING:
                return str(run.recipe.stages[index].module.TITLE)
        return ""


_MARKS = {
    RunState.WAITING: "",
    RunState.PAUSED: "paused",
    RunState.STOPPED: "paused",
    RunState.DONE: "done",
    RunState.FAILED: "failed",
    RunState.DIED: "problem",
}
