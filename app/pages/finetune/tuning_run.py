"""What the Fine-tune page knows of a run: its events as series, looks, answers and the newest facts. No Qt."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from app.jobs.pace import Pace
from app.widgets.metric_chart_link import Mark, MarkKind
from app.widgets.metric_series import MetricSeries, XAxis
from engine.events import (
    Answered,
    ArtifactReady,
    CheckpointSaved,
    ControlApplied,
    Event,
    Failed,
    HealthAlarm,
    LabelsJudged,
    MemoryRanOut,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TuningCheck,
    WeightsMoved,
)


class TuningRun:
    """One fine-tuning. `take` in the order of the events, live or from history, gives the same state.

    The series live as long as the page, so that charts keep them; another run begins with `clear`.
    checks, moved, labels: step -> what was told there. answers: step -> question's number -> the answer.
    final: figures of the best model, measured once more at the end. settings: of the stage, as it was started.
    """

    def __init__(self) -> None:
        self.loss = MetricSeries()
        self.speed = MetricSeries()
        self.learning_rate = MetricSeries()
        self.held_out = MetricSeries()
        self.exact = MetricSeries()
        self.stopped = MetricSeries()
        self.first_token = MetricSeries()
        self.pretraining = MetricSeries()
        self.clear()

    def clear(self) -> None:
        for series in self._all_series():
            series.truncate_after(-math.inf)
        self.state = RunState.WAITING
        self.message = ""
        self.plan: dict[str, Any] | None = None
        self.checks: dict[int, TuningCheck] = {}
        self.answers: dict[int, dict[int, Answered]] = {}
        self.moved: dict[int, WeightsMoved] = {}
        self.labels: dict[int, LabelsJudged] = {}
        self.checkpoints: list[CheckpointSaved] = []
        self.controls: list[ControlApplied] = []
        self.alarms: list[HealthAlarm] = []
        self.trouble: HealthAlarm | Failed | None = None
        self.notice = ""
        self.memory_bytes = 0
        self.final: dict[str, float | int | str] = {}
        self.settings: dict[str, Any] = {}
        self.pace = Pace()

    def _all_series(self) -> tuple[MetricSeries, ...]:
        looks = (self.held_out, self.exact, self.stopped, self.first_token, self.pretraining)
        return (self.loss, self.speed, self.learning_rate, *looks)

    # Facts

    @property
    def step(self) -> int:
        return int(self.loss.x(XAxis.STEP)[-1]) if len(self.loss) else 0

    @property
    def steps(self) -> int:
        """Planned; 0 as long as the plan is not written."""
        return int(self.plan["training"]["steps"]) if self.plan else 0

    @property
    def tokens(self) -> int:
        return int(self.loss.x(XAxis.TOKENS)[-1]) if len(self.loss) else 0

    @property
    def seconds(self) -> float:
        return float(self.loss.x(XAxis.SECONDS)[-1]) if len(self.loss) else 0.0

    @property
    def share(self) -> float | None:
        """Of the planned steps; None before the first one."""
        return self.step / self.steps if self.steps and self.step else None

    @property
    def scale(self) -> float:
        """Factor on the learning rate that was last set by hand."""
        turned = [c.value for c in self.controls if c.name == "learning_rate_scale"]
        return turned[-1] if turned else 1.0

    @property
    def recent_speed(self) -> float:
        """Tokens per second over the last steps, everything counted in; NaN before two steps."""
        return self.pace.tokens_per_second

    @property
    def seconds_left(self) -> float:
        """Up to the planned end, which early stopping may spare; NaN when that cannot be told yet."""
        return 0.0 if self.state is RunState.DONE else self.pace.seconds_left(self.steps)

    @property
    def looks(self) -> list[int]:
        """Steps at which held-out conversations were looked at, in order."""
        return list(self.checks)

    @property
    def base_name(self) -> str:
        """Of the base, without when its run began."""
        return _WHEN.sub("", str(self.plan.get("base", ""))) if self.plan else ""

    @property
    def known(self) -> dict[str, Any]:
        """Every setting and every fact of the plan."""
        return {**self.settings, **(self.plan or {})}

    @property
    def best(self) -> TuningCheck | None:
        """The look with the lowest held-out loss: its checkpoint is kept and taken."""
        found = [check for check in self.checks.values() if check.best]
        return found[-1] if found else None

    @property
    def stopped_early(self) -> bool:
        """Whether it ended by itself before the planned steps, because held-out loss no longer fell."""
        return self.state is RunState.DONE and 0 < self.step < self.steps

    @property
    def forgotten(self) -> float:
        """How much pretraining loss rose since step 0, nats per token; NaN where nothing was measured."""
        values = self.pretraining.values
        return float(values[-1] - values[0]) if len(values) else math.nan

    @property
    def marks(self) -> tuple[Mark, ...]:
        found = [Mark(a.step, _ALARM_WORDS.get(a.cause, a.cause), MarkKind.ALARM) for a in self.alarms]
        found += [Mark(c.step, f"lr × {c.value:.3g}") for c in self.controls if c.name == "learning_rate_scale"]
        if self.best is not None and self.best.step:
            found.append(Mark(self.best.step, f"best: step {self.best.step:,}", MarkKind.BEST))
        if self.stopped_early:
            found.append(Mark(self.step, "stopped early"))
        return tuple(sorted(found, key=lambda mark: mark.step))

    # Events

    def take(self, events: Iterable[Event]) -> None:
        steps: list[StepMetrics] = []
        for event in events:
            if isinstance(event, StepMetrics):
                steps.append(event)
                continue
            self._take_steps(steps)
            steps = []
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        self._take_steps(steps)

    def rewind(self, step: int) -> None:
        """Forgets what came after `step`: the run goes on from there."""
        self.pace.rewind()
        for series in self._all_series():
            series.truncate_after(step)
        for told in (self.checks, self.answers, self.moved, self.labels):
            for later in [at for at in told if at > step]:
                del told[later]
        self.checkpoints = [saved for saved in self.checkpoints if saved.step <= step]
        self.controls = [control for control in self.controls if control.step <= step]
        self.alarms = [alarm for alarm in self.alarms if alarm.step <= step]

    def _take_steps(self, events: Sequence[StepMetrics]) -> None:
        if not events:
            return
        at = ([e.step for e in events], [e.tokens for e in events], [e.seconds for e in events])
        self.loss.extend(*at, [e.loss for e in events])
        self.learning_rate.extend(*at, [e.learning_rate for e in events])
        self.speed.extend(*at, [e.tokens_per_second for e in events])
        for event in events:
            self.pace.add(event.step, event.seconds, event.tokens)
        self.memory_bytes = max(self.memory_bytes, *(e.memory_bytes for e in events))

    def _on_check(self, event: TuningCheck) -> None:
        at = (event.step, event.tokens, event.seconds)
        self.checks[event.step] = event
        self.held_out.append(*at, event.loss)
        self.first_token.append(*at, event.first_token)
        if event.asked:
            self.exact.append(*at, event.exact)
            self.stopped.append(*at, event.stopped)
        if math.isfinite(event.pretraining_loss):
            self.pretraining.append(*at, event.pretraining_loss)

    def _on_answer(self, event: Answered) -> None:
        self.answers.setdefault(event.step, {})[event.number] = event

    def _on_moved(self, event: WeightsMoved) -> None:
        self.moved[event.step] = event

    def _on_labels(self, event: LabelsJudged) -> None:
        self.labels[event.step] = event

    def _on_state(self, event: StateChanged) -> None:
        self.state, self.message = RunState(event.state), event.message
        if self.state is RunState.RUNNING:
            self.trouble = None
            self.pace.rest()

    def _on_alarm(self, event: HealthAlarm) -> None:
        self.alarms.append(event)
        self.trouble = event

    def _on_failed(self, event: Failed) -> None:
        self.trouble = event

    def _on_ready(self, event: ArtifactReady) -> None:
        self.final = dict(event.figures)

    def _on_notice(self, event: Notice) -> None:
        if event.level == "warning":
            self.notice = event.text

    def _on_memory(self, event: MemoryRanOut) -> None:
        self.notice = event.words


_WHEN = re.compile(r"-\d{8}-\d{6}")
_ALARM_WORDS = {"nan": "not a number", "inf": "infinite", "exploding": "gradients explode", "disk": "disk full"}
_HANDLERS: dict[type[Event], Any] = {
    TuningCheck: TuningRun._on_check,
    Answered: TuningRun._on_answer,
    WeightsMoved: TuningRun._on_moved,
    LabelsJudged: TuningRun._on_labels,
    StateChanged: TuningRun._on_state,
    HealthAlarm: TuningRun._on_alarm,
    Failed: TuningRun._on_failed,
    Notice: TuningRun._on_notice,
    ArtifactReady: TuningRun._on_ready,
    MemoryRanOut: TuningRun._on_memory,
    ControlApplied: lambda run, event: run.controls.append(event),
    CheckpointSaved: lambda run, event: run.checkpoints.append(event),
    Resumed: lambda run, event: run.rewind(event.step),
}
