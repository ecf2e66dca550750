"""The fine-tuning that the feed follows: what it tells becomes a `TuningRun`, and how it is steered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.jobs.desk import Desk
from app.jobs.query import LIVE
from app.pages.finetune.bases import chosen_checkpoint, step_of
from app.pages.finetune.compare_ask import Both
from app.pages.finetune.tuning_run import TuningRun
from app.widgets.banner import BannerWords
from app.widgets.banner_trouble import Remedies, banner_words
from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, Resumed, RunState
from engine.launch.local import RecipeRun
from engine.store.files import read_json
from engine.store.run_folder import Status

STAGE = "sft"


class Following(QObject):
    """another(): the feed follows another run. told(): something new is known of it.

    tunes: whether the run that is followed has a stage of fine-tuning.
    """

    another = Signal()
    told = Signal()

    def __init__(self, desk: Desk, run: TuningRun, parent: QObject) -> None:
        super().__init__(parent)
        self._desk, self.run = desk, run
        self._index: int | None = None
        self._scale_after_resume = 1.0
        feed = desk.feed
        feed.reset.connect(self._on_reset)
        feed.rewound.connect(self._on_rewound)
        feed.events.connect(self._on_events)
        feed.status.connect(self._on_status)
        feed.told.connect(self.told)
        self._take_all(feed.run)

    @property
    def recipe_run(self) -> RecipeRun | None:
        return self._desk.feed.run

    @property
    def tunes(self) -> bool:
        return self._index is not None

    @property
    def is_mine(self) -> bool:
        """Whether it is the one that the queue steers."""
        job, run = self._desk.jobs.current, self.recipe_run
        return job is not None and run is not None and job.run.folder == run.folder

    @property
    def state(self) -> RunState:
        """The queue knows first that a run is stopping."""
        job = self._desk.jobs.current
        stopping = self.is_mine and job is not None and job.state is RunState.STOPPING
        if stopping and not self.run.state.is_final:
            return RunState.SAVING if self.run.state is RunState.SAVING else RunState.STOPPING
        return self.run.state

    def follow(self, folder: Path) -> bool:
        """False, and told to the window, for a folder that is no run."""
        try:
            self._desk.feed.follow(folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return False
        return True

    def go_on(self, factor: float) -> None:
        """A paused run, its learning rate scaled."""
        if factor != 1.0:
            self._desk.jobs.scale_learning_rate(self.run.scale * factor)
        self._desk.jobs.go_on()

    def resume(self, factor: float) -> None:
        """From the newest checkpoint, which restores the factor of that time: ours is set once it has."""
        if self.recipe_run is None:
            return
        self._scale_after_resume = factor
        try:
            self._desk.jobs.resume(self.recipe_run)
            self._desk.feed.wake()
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    def banner(self) -> BannerWords | None:
        state, mine = self.state, self.is_mine
        remedies = Remedies(
            self.go_on,
            self.resume,
            can_go_on=mine and state is RunState.PAUSED,
            can_resume=not mine and state in (RunState.STOPPED, RunState.FAILED, RunState.DIED),
        )
        return banner_words(self.run, remedies, self._stage_before())

    def both(self) -> Both | None:
        """The models that answer one's own questions: the base, and the one in training or the best that is kept."""
        run, plan, job = self.recipe_run, self.run.plan, self._desk.jobs.current
        if run is None or self._index is None or plan is None:
            return None
        base, name = self._desk.workspace.root / str(plan.get("base_folder", "")), self.run.base_name
        if self.is_mine and not self.state.is_final and job is not None and job.worker is not None:
            return Both(base, name, LIVE, "tuned, as it is now")
        kept = chosen_checkpoint(run.stage_folder(self._index).path)
        return Both(base, name, kept, f"tuned, step {step_of(kept):,}" if kept else "tuned, nothing saved yet")

    def source(self) -> tuple[Path, dict[str, Any]] | None:
        """Its base and its [conversations]; None where it has none."""
        run, index = self.recipe_run, self._desk.feed.stage_index("conversations")
        if run is None or index is None or self._index is None:
            return None
        base = str(run.recipe.stages[self._index].config.model_dump()["base"])
        table = run.recipe.stages[index].config.model_dump(exclude_unset=True)
        if table.get("source", "world") == "world" and not table.get("corpus"):
            table |= {"corpus": self._own_corpus(), "source": "world"}
        return self._desk.workspace.root / base if base else run.folder, table

    def _own_corpus(self) -> str | None:
        """The world that an earlier stage of the same run made."""
        made = [event for event in self._desk.feed.history("world") if isinstance(event, ArtifactReady)]
        return made[-1].folder if made else None

    # What the feed tells

    def _on_reset(self, run: RecipeRun | None) -> None:
        self._take_all(run)
        self.another.emit()

    def _take_all(self, run: RecipeRun | None) -> None:
        self.run.clear()
        self._index = self._desk.feed.stage_index(STAGE)
        if run is not None and self._index is not None:
            self.run.settings = run.recipe.stages[self._index].config.model_dump()
            self.run.take(self._desk.feed.history(STAGE))
            self._take_status(self._desk.feed.stage_status(self._index))
            self._read_plan(run)

    def _on_events(self, index: int, _name: str, events: list[Event]) -> None:
        if index != self._index:
            return
        self.run.take(events)
        if any(isinstance(event, Resumed) for event in events) and self.is_mine:
            factor, self._scale_after_resume = self._scale_after_resume, 1.0
            if factor != 1.0:
                self._desk.jobs.scale_learning_rate(self.run.scale * factor)
        if self.run.plan is None and self.recipe_run is not None:
            self._read_plan(self.recipe_run)

    def _on_rewound(self, index: int, _name: str, step: int) -> None:
        if index == self._index:
            self.run.rewind(step)
            self.told.emit()

    def _on_status(self, index: int, status: Status) -> None:
        if index == self._index:
            self._take_status(status)

    def _take_status(self, status: Status) -> None:
        """Only what events cannot tell: that nobody writes any more, or that the end was reached."""
        if status.state.is_final or not len(self.run.loss):
            self.run.state = status.state

    def _read_plan(self, run: RecipeRun) -> None:
        assert self._index is not None
        path = run.stage_folder(self._index).path / "plan.json"
        if path.is_file():
            try:
                self.run.plan = read_json(path)
            except CutawayError:
                self.run.plan = None  # being written at this moment: the next event asks again

    def _stage_before(self) -> str:
        """The title of the stage at work before fine-tuning; "" once that has begun."""
        run = self.recipe_run
        if run is None or self._index is None or self.run.state is not RunState.WAITING:
            return ""
        for index in range(self._index):
            state = self._desk.feed.stage_status(index).state
            if not state.is_final and state is not RunState.WAITING:
                return str(run.recipe.stages[index].module.TITLE)
        return ""
