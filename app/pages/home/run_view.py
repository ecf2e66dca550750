"""What Home knows of a run: its events, boiled down to what the cards, the timeline and the sentence need. No Qt."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.jobs.pace import Pace
from app.widgets.stage_card_loss_track import LossTrack
from engine.errors import CutawayError
from engine.events import (
    Answered,
    ArtifactReady,
    CheckpointSaved,
    DocumentSample,
    Event,
    Failed,
    HealthAlarm,
    LabelsJudged,
    MergeLearned,
    Notice,
    Progress,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    TuningCheck,
    Validation,
)
from engine.launch.local import RecipeRun
from engine.store.files import read_json
from engine.store.run_folder import Status

_SAMPLES = 12


@dataclass
class StageView:
    """One stage so far. done of total in `unit`; figures: of its artifact, artifact: its folder in the workspace.
    makes_model: one can talk to what it makes. Of a fine-tuning: checks and judged, its looks at what is not trained
    on, and answers, the newest to each question."""

    name: str
    title: str
    folder: Path
    makes_model: bool = False
    state: RunState = RunState.WAITING
    seconds: float = 0.0
    step: int = 0
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""
    reused: bool = False
    artifact: str = ""
    figures: dict[str, float | int | str] = field(default_factory=dict)
    documents: deque[DocumentSample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    merges: list[MergeLearned] = field(default_factory=list)
    track: LossTrack = field(default_factory=LossTrack)
    validation: list[tuple[int, float]] = field(default_factory=list)
    texts: list[TextSample] = field(default_factory=list)
    checks: list[TuningCheck] = field(default_factory=list)
    judged: LabelsJudged | None = None
    answers: dict[int, Answered] = field(default_factory=dict)
    checkpoint: CheckpointSaved | None = None
    trouble: Failed | HealthAlarm | None = None
    notice: str = ""
    memory_bytes: int = 0
    plan: dict[str, Any] | None = None
    _pace: Pace = field(default_factory=Pace)

    @property
    def alive(self) -> bool:
        return not self.state.is_final and self.state is not RunState.WAITING

    @property
    def share(self) -> float:
        """How far the stage is, 0 to 1; 0 when its whole is not known."""
        if self.state is RunState.DONE:
            return 1.0
        total = self.steps or self.total
        return min((self.step if self.steps else self.done) / total, 1.0) if total else 0.0

    @property
    def steps(self) -> int:
        """Optimizer steps that are planned; 0 for a stage that takes none, or as long as it is not known."""
        return int(self.plan["training"]["steps"]) if self.plan else 0

    @property
    def seconds_left(self) -> float | None:
        """From the pace of the last steps; None as long as that cannot be told."""
        if self.state is RunState.DONE:
            return 0.0
        left = self._pace.seconds_left(self.steps)
        if math.isfinite(left):
            return left
        return self.seconds * (1 / self.share - 1) if self.share > 0.05 else None

    @property
    def exact(self) -> float | None:
        """Share of what was not trained on that is answered, or labelled, rightly; None where nothing was asked yet."""
        if self.judged is not None:
            return self.judged.accuracy
        final = self.figures.get("exact")
        if isinstance(final, float | int):
            return float(final)
        return self.checks[-1].exact if self.checks and self.checks[-1].asked else None

    @property
    def told_answer(self) -> Answered | None:
        """The one that shows most: right now, and wrong before. Else any that is right, else the first."""
        answers = [self.answers[number] for number in sorted(self.answers)]
        right = [answer for answer in answers if answer.right]
        return next(iter([*right, *answers]), None)

    @property
    def newest_checkpoint(self) -> Path | None:
        """The folder, if it is still there."""
        folder = self.folder / "checkpoints" / self.checkpoint.folder if self.checkpoint else None
        return folder if folder is not None and folder.is_dir() else None

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.seconds = max(self.seconds, event.seconds)
            self.step = max(self.step, event.step)
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)

    def read_plan(self) -> None:
        """`plan.json` appears when training begins; it is small and never changes afterwards."""
        if self.plan is None and (self.folder / "plan.json").is_file():
            try:
                self.plan = read_json(self.folder / "plan.json")
            except CutawayError:
                self.plan = None  # being written at this moment: the next event asks again

    def take_check(self, event: TuningCheck) -> None:
        self.checks.append(event)
        self.validation.append((event.step, event.loss))

    def _on_step(self, event: StepMetrics) -> None:
        self.read_plan()
        self.track.add(event.step, event.loss)
        self.memory_bytes = event.memory_bytes
        self._pace.add(event.step, event.seconds, event.tokens)
        self.trouble = None

    def _on_progress(self, event: Progress) -> None:
        self.done, self.total = event.done, event.total
        self.unit, self.message = event.unit, event.message

    def _on_state(self, event: StateChanged) -> None:
        self.state = RunState(event.state)
        if self.state is RunState.RUNNING:
            self._pace.rest()

    def _on_ready(self, event: ArtifactReady) -> None:
        self.figures, self.reused, self.artifact = event.figures, event.reused, event.folder

    def _on_trouble(self, event: Failed | HealthAlarm) -> None:
        self.trouble = event

    def _on_notice(self, event: Notice) -> None:
        self.notice = event.text


_HANDLERS: dict[type[Event], Any] = {
    StepMetrics: StageView._on_step,
    Progress: StageView._on_progress,
    StateChanged: StageView._on_state,
    ArtifactReady: StageView._on_ready,
    Failed: StageView._on_trouble,
    HealthAlarm: StageView._on_trouble,
    Notice: StageView._on_notice,
    DocumentSample: lambda view, event: view.documents.append(event),
    MergeLearned: lambda view, event: view.merges.append(event),
    Validation: lambda view, event: view.validation.append((event.step, event.loss)),
    TextSample: lambda view, event: view.texts.append(event),
    TuningCheck: lambda view, event: view.take_check(event),
    LabelsJudged: lambda view, event: setattr(view, "judged", event),
    Answered: lambda view, event: view.answers.__setitem__(event.number, event),
    CheckpointSaved: lambda view, event: setattr(view, "checkpoint", event),
}


class RunView:
    """All stages of one run, in the order of the recipe."""

    def __init__(self, run: RecipeRun) -> None:
        self.run = run
        self.stages = [
            StageView(spec.name, spec.module.TITLE, run.stage_folder(index).path, spec.module.OUTPUT == "model")
            for index, spec in enumerate(run.recipe.stages)
        ]
        self._disk = (0.0, 0)

    def stage(self, name: str) -> StageView | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    def restart(self, index: int, events: Iterable[Event]) -> None:
        """Reads a stage anew: it went on from an earlier checkpoint, and what came after that is void."""
        old = self.stages[index]
        self.stages[index] = StageView(old.name, old.title, old.folder, old.makes_model, old.state, plan=old.plan)
        self.stages[index].take(events)

    def set_status(self, index: int, status: Status) -> None:
        stage = self.stages[index]
        stage.state = status.state
        stage.seconds = max(stage.seconds, status.seconds)
        stage.step = max(stage.step, status.step)

    @property
    def model(self) -> StageView | None:
        """The stage whose model one would talk to: the last that has begun to train one, else the last that will."""
        makers = [stage for stage in self.stages if stage.makes_model]
        begun = [stage for stage in makers if stage.step or stage.reused]
        return begun[-1] if begun else makers[-1] if makers else None

    @property
    def current(self) -> StageView:
        """The stage at work, or the one where the run ended, or the last."""
        begun = [stage for stage in self.stages if stage.state is not RunState.WAITING]
        unfinished = [stage for stage in begun if stage.state is not RunState.DONE]
        return unfinished[0] if unfinished else begun[-1] if begun else self.stages[0]

    @property
    def state(self) -> RunState:
        """Of the whole run; between two stages it is running."""
        state = self.current.state
        waiting = any(stage.state is RunState.WAITING for stage in self.stages)
        return RunState.RUNNING if state is RunState.DONE and waiting else state

    @property
    def elapsed(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory_bytes(self) -> int:
        return max(stage.memory_bytes for stage in self.stages)

    def disk_bytes(self) -> int:
        """Of the run folder and of what its stages made, measured at most every five seconds."""
        measured, size = self._disk
        if time.monotonic() - measured > 5.0 or not size:
            root = self.run.workspace.root
            made = {root / stage.artifact for stage in self.stages if stage.artifact}
            places = {self.run.folder, *(folder for folder in made if not folder.is_relative_to(self.run.folder))}
            size = sum(_size(path) for place in places for path in place.rglob("*"))
            self._disk = (time.monotonic(), size)
        return size

    @property
    def prompt(self) -> str:
        """What the model is asked on the Playground card: the beginning of a sentence whose end is a fact."""
        tuned = self.model
        if tuned is not None and tuned.told_answer is not None:
            return tuned.told_answer.question
        pretrain = self.stage("pretrain")
        if pretrain is not None and pretrain.texts and pretrain.texts[-1].prompt.strip():
            return pretrain.texts[-1].prompt
        return next(
            (start for stage in self.stages for sample in stage.documents if (start := _before_fact(sample))), ""
        )


def _before_fact(sample: DocumentSample) -> str:
    """ "Mira Toll was born in" of a sentence that names a person and then a value."""
    for (_, end, role), (start, _, next_role) in zip(sample.marks, sample.marks[1:], strict=False):
        between = sample.text[end:start]
        if (role, next_role) == ("name", "value") and "." not in between and between.strip():
            begin = max(sample.text.rfind(sign, 0, end) for sign in ".!?\n") + 1
            return sample.text[begin:start].strip()
    return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0  # an old checkpoint that goes at this very moment
