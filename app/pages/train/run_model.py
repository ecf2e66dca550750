"""What the Train page knows of a run: its events as series, marks and the newest facts. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from app.jobs.pace import Pace
from app.widgets.metric_chart_link import Mark, MarkKind
from app.widgets.metric_series import MetricSeries, XAxis
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Compiled,
    Compiling,
    ControlApplied,
    Event,
    Failed,
    HealthAlarm,
    MemoryRanOut,
    Notice,
    ProcessesMeasured,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Validation,
)

_CLIPPED_STEPS = 200
_SAMPLES_KEPT = 200
_SHARED_KEPT = 20
_ALARM_WORDS = {
    "nan": "not a number",
    "inf": "infinite",
    "exploding": "gradients explode",
    "disk": "disk full",
}


class TrainRun:
    """One run's pretraining. `take` in the order of the events, live or from history, gives the same state.

    The series live as long as the page, so that charts keep them; another run begins with `clear`.
    gap: validation loss minus the loss on as many training rows, both without dropout, in nats per token.
    """

    def __init__(self) -> None:
        self.loss = MetricSeries()
        self.learning_rate = MetricSeries()
        self.grad_norm = MetricSeries()
        self.speed = MetricSeries()
        self.clipped = MetricSeries()
        self.validation = MetricSeries()
        self.bits_per_byte = MetricSeries()
        self.train_probe = MetricSeries()
        self.gap = MetricSeries()
        self.clear()

    def clear(self) -> None:
        for series in self._all_series():
            series.truncate_after(-math.inf)
        self.state = RunState.WAITING
        self.message = ""
        self.plan: dict[str, Any] | None = None
        self.samples: list[TextSample] = []
        self.controls: list[ControlApplied] = []
        self.alarms: list[HealthAlarm] = []
        self.checkpoints: list[CheckpointSaved] = []
        self.trouble: HealthAlarm | Failed | None = None
        self.notice = ""
        self.halved: list[MemoryRanOut] = []
        self.compile_seconds = 0.0
        self.memory_bytes = 0
        self.shared: list[ProcessesMeasured] = []
        self.pace = Pace()

    def _all_series(self) -> tuple[MetricSeries, ...]:
        steps = (self.loss, self.learning_rate, self.grad_norm, self.speed, self.clipped)
        return (*steps, self.validation, self.bits_per_byte, self.train_probe, self.gap)

    # Facts

    @property
    def step(self) -> int:
        return int(self.loss.x(XAxis.STEP)[-1]) if len(self.loss) else 0

    @property
    def tokens(self) -> int:
        return int(self.loss.x(XAxis.TOKENS)[-1]) if len(self.loss) else 0

    @property
    def seconds(self) -> float:
        return float(self.loss.x(XAxis.SECONDS)[-1]) if len(self.loss) else 0.0

    @property
    def steps(self) -> int:
        """Planned; 0 as long as the plan is not written."""
        return int(self.plan["training"]["steps"]) if self.plan else 0

    @property
    def share(self) -> float | None:
        """Of the planned steps; None before the first one."""
        return self.step / self.steps if self.steps and self.step else None

    @property
    def scale(self) -> float:
        """Factor on the schedule that was last set by hand."""
        turned = [c.value for c in self.controls if c.name == "learning_rate_scale"]
        return turned[-1] if turned else 1.0

    @property
    def epochs(self) -> float:
        """How often every token of the training text was seen; NaN when its length is not known."""
        size = self.plan.get("train_tokens", 0) if self.plan else 0
        return self.tokens / size if size else math.nan

    @property
    def peak_share(self) -> float:
        """Share of this machine's measured peak that training reaches; NaN when there is no measurement."""
        plan = self.plan or {}
        peak = plan.get("peak_flops", 0)
        return self.recent_speed * plan["estimate"]["flops_per_token"] / peak if peak else math.nan

    @property
    def recent_speed(self) -> float:
        """Tokens per second over the last steps, everything counted in; NaN before two steps."""
        return self.pace.tokens_per_second

    @property
    def is_slowed(self) -> bool:
        """Whether it works at less than half of the speed that it reached before."""
        return self.state is RunState.RUNNING and self.pace.slowed

    @property
    def clipped_share(self) -> float:
        values = self.clipped.values[-_CLIPPED_STEPS:]
        return float(values.mean()) if len(values) else 0.0

    @property
    def seconds_per_step(self) -> float:
        """Working time a step takes of late, looks at held-out text and samples included; NaN before two steps."""
        return self.pace.seconds_a_unit

    @property
    def seconds_left(self) -> float:
        """NaN when that cannot be told yet."""
        if self.state is RunState.DONE:
            return 0.0
        return self.pace.seconds_left(self.steps)

    @property
    def seconds_to_sample(self) -> float:
        every = self.plan["training"]["sample_every"] if self.plan else 0
        return (self.next_sample_step - self.step) * self.seconds_per_step if every else math.nan

    @property
    def next_sample_step(self) -> int:
        """0 when there is none to come."""
        every = int(self.plan["training"]["sample_every"]) if self.plan else 0
        coming = (self.step // every + 1) * every if every else 0
        return min(coming, self.steps) if self.step < self.steps else 0

    @property
    def marks(self) -> tuple[Mark, ...]:
        turned = [
            Mark(c.step, f"lr × {c.value:.3g}, by hand") for c in self.controls if c.name == "learning_rate_scale"
        ]
        alarms = [Mark(a.step, _ALARM_WORDS.get(a.cause, a.cause), MarkKind.ALARM) for a in self.alarms]
        halved = [Mark(h.step, "memory ran out") for h in self.halved]
        return tuple(sorted(turned + alarms + halved, key=lambda mark: mark.step))

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
        self.samples = [sample for sample in self.samples if sample.step <= step]
        self.controls = [control for control in self.controls if control.step <= step]
        kept = [halved for halved in self.halved if halved.step <= step]
        if kept != self.halved:
            self.halved, self.notice = kept, kept[-1].words if kept else ""
        self.alarms = [alarm for alarm in self.alarms if alarm.step <= step]
        self.checkpoints = [saved for saved in self.checkpoints if saved.step <= step]
        self.shared = [measured for measured in self.shared if measured.step <= step]

    def _take_steps(self, events: Sequence[StepMetrics]) -> None:
        if not events:
            return
        steps = [e.step for e in events]
        tokens = [e.tokens for e in events]
        seconds = [e.seconds for e in events]
        columns = (
            (self.loss, [e.loss for e in events]),
            (self.learning_rate, [e.learning_rate for e in events]),
            (self.grad_norm, [e.grad_norm for e in events]),
            (self.speed, [e.tokens_per_second for e in events]),
            (self.clipped, [float(e.clipped) for e in events]),
        )
        for series, values in columns:
            series.extend(steps, tokens, seconds, values)
        for event in events:
            self.pace.add(event.step, event.seconds, event.tokens)
        self.memory_bytes = max(self.memory_bytes, *(e.memory_bytes for e in events))

    def _on_validation(self, event: Validation) -> None:
        at = (event.step, event.tokens, event.seconds)
        self.validation.append(*at, event.loss)
        self.bits_per_byte.append(*at, event.bits_per_byte)
        self.train_probe.append(*at, event.train_loss)
        self.gap.append(*at, event.loss - event.train_loss)

    def _on_state(self, event: StateChanged) -> None:
        self.state, self.message = RunState(event.state), event.message
        if self.state is RunState.RUNNING:
            self.trouble = None
            self.pace.rest()
        elif self.state.is_final and self.notice == Compiling.words:
            self.notice = ""

    def _on_alarm(self, event: HealthAlarm) -> None:
        self.alarms.append(event)
        self.trouble = event

    def _on_failed(self, event: Failed) -> None:
        self.trouble = event

    def _on_sample(self, event: TextSample) -> None:
        self.samples.append(event)
        del self.samples[:-_SAMPLES_KEPT]

    def _on_shared(self, event: ProcessesMeasured) -> None:
        self.shared.append(event)
        del self.shared[:-_SHARED_KEPT]

    def _on_notice(self, event: Notice) -> None:
        """What is merely worth knowing stands in the drawer's log; the page has a line for what was not expected."""
        if event.level == "warning":
            self.notice = event.text

    def _on_ready(self, event: ArtifactReady) -> None:
        if event.reused:
            self.notice = "This very model was trained before, by another run, and is used again: nothing was computed."

    def _on_compiling(self, event: Compiling) -> None:
        self.notice = event.words

    def _on_compiled(self, event: Compiled) -> None:
        self.notice = ""
        self.compile_seconds += event.duration

    def _on_memory(self, event: MemoryRanOut) -> None:
        self.halved.append(event)
        self.notice = event.words


_HANDLERS: dict[type[Event], Any] = {
    Validation: TrainRun._on_validation,
    StateChanged: TrainRun._on_state,
    HealthAlarm: TrainRun._on_alarm,
    Failed: TrainRun._on_failed,
    TextSample: TrainRun._on_sample,
    Notice: TrainRun._on_notice,
    ArtifactReady: TrainRun._on_ready,
    ProcessesMeasured: TrainRun._on_shared,
    Compiling: TrainRun._on_compiling,
    Compiled: TrainRun._on_compiled,
    MemoryRanOut: TrainRun._on_memory,
    ControlApplied: lambda run, event: run.controls.append(event),
    CheckpointSaved: lambda run, event: run.checkpoints.append(event),
    Resumed: lambda run, event: run.rewind(event.step),
}
