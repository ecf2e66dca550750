"""What a stage tells while it works: small frozen facts that survive as one line of JSON each.

A stage yields events; the driver stamps `seconds`, appends them to `events.jsonl` and whoever watches
reads them back from there. Floats may be NaN or infinite: they are written as strings, so that every
line is standard JSON.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """How far a run is. The last four are final; `died` is only ever concluded by a reader."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    SAVING = "saving"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    DIED = "died"

    @property
    def is_final(self) -> bool:
        return self in (RunState.STOPPED, RunState.DONE, RunState.FAILED, RunState.DIED)


@dataclass(frozen=True, kw_only=True)
class Event:
    """step: optimizer step, document or merge count, as the stage counts.
    seconds: monotonic working seconds since the run began, over all its resumptions."""

    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Tick(Event):
    """Nothing to tell: a moment at which the driver may pause, stop or answer a query. Never recorded."""


@dataclass(frozen=True, kw_only=True)
class StateChanged(Event):
    state: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """done of total in `unit`; total 0 when it cannot be known."""

    done: int
    total: int
    unit: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """Something worth knowing that stops nothing. level: "info" or "warning"."""

    text: str
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class DocumentSample(Event):
    """A document as it went in. marks: (start, end, role) in characters; role "name" or "value"."""

    text: str
    marks: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class DocumentDropped(Event):
    """A document, line or file that was left out, and the reason in words."""

    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MergeLearned(Event):
    """One merge of a BPE tokenizer: left + right -> joined, which received `token_id`."""

    left: str
    right: str
    joined: str
    token_id: int


@dataclass(frozen=True, kw_only=True)
class CompressionMeasured(Event):
    """How much text one token holds with a vocabulary of this size, on a fixed sample of the text that it was
    learned from. step: merges up to there."""

    vocab_size: int
    bytes_per_token: float


@dataclass(frozen=True, kw_only=True)
class StepMetrics(Event):
    """One optimizer step.

    tokens: seen so far. loss: mean nats per token of the step's batch. grad_norm: before clipping.
    clipped: whether it exceeded the limit. update_ratio: norm of update / norm of weights (0 if not measured).
    memory_bytes: resident (CPU) or allocated (GPU) at this moment.
    """

    tokens: int
    loss: float
    learning_rate: float
    grad_norm: float
    clipped: bool
    tokens_per_second: float
    update_ratio: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Validation(Event):
    """loss: nats per token on held-out text. bits_per_byte: the same, independent of the tokenizer.
    train_loss: on training rows of the same number, dropout off, so that the gap is a fair difference."""

    tokens: int
    loss: float
    bits_per_byte: float
    train_loss: float


@dataclass(frozen=True, kw_only=True)
class TextSample(Event):
    """What the model wrote at this step. text does not repeat the prompt."""

    prompt: str
    text: str
    seed: int
    temperature: float


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """folder: name inside `checkpoints/`. duration: seconds from first byte to verified."""

    folder: str
    bytes: int
    duration: float


@dataclass(frozen=True, kw_only=True)
class ControlApplied(Event):
    """A live control was turned. name: "learning_rate_scale", "checkpoint", "pause", "resume", "stop"."""

    name: str
    value: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MemoryRanOut(Event):
    """Memory ran out; the run goes on with fewer rows at a time. rows: of a forward pass from now on. passes: as many
    make one step, which is of the same rows as before."""

    rows: int
    passes: int

    @property
    def words(self) -> str:
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return (
            f"Memory ran out, so the run goes on with {rows} at a time: {self.passes:,} passes make one step of the "
            "same batch."
        )


@dataclass(frozen=True, kw_only=True)
class Compiling(Event):
    """The model is being compiled for this machine; nothing else is told until that is done."""

    words = "The model is being compiled for this machine, which can take minutes. Training begins after that."


@dataclass(frozen=True, kw_only=True)
class Compiled(Event):
    """The model was compiled. duration: seconds it took, which count as the run's."""

    duration: float

    @property
    def words(self) -> str:
        return f"Compiled in {self.duration:,.1f} s."


@dataclass(frozen=True, kw_only=True)
class ProcessesMeasured(Event):
    """How several processes shared the steps since the last such event; one number for each of them.

    tokens_per_second: of its own share, while it computed. waiting: share of its time, 0 to 1, that synchronising the
    gradients added to that, waiting for slower processes included."""

    tokens_per_second: tuple[float, ...]
    waiting: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class HealthAlarm(Event):
    """The run paused itself. cause: "nan", "inf", "exploding", "disk"."""

    cause: str
    what: str
    why: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """The run goes on from the checkpoint at `step`; what was recorded after that step is void."""


@dataclass(frozen=True, kw_only=True)
class ArtifactReady(Event):
    """An output is complete. folder: relative to the workspace. figures: what a card shows of it."""

    kind: str
    folder: str
    reused: bool
    figures: dict[str, float | int | str]


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    what: str
    why: str
    remedy: str
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class TuningCheck(Event):
    """A look at conversations that are not trained on, while a model is fine-tuned.

    loss: mean nats per token of the assistant's. token_accuracy: share of those tokens that were the likeliest, 0 to 1.
    entropy: mean, in nats. first_token: mean probability of the right first token of an answer, 0 to 1.
    asked: questions answered in full, greedily; exact, stopped: shares of them that were right, and that ended by
    themselves; NaN when none was asked. pretraining_loss: mean nats per token on held-out text of pretraining; NaN
    where there is none. best: whether `loss` is the lowest so far."""

    tokens: int
    loss: float
    token_accuracy: float
    entropy: float
    first_token: float
    asked: int
    exact: float
    stopped: float
    pretraining_loss: float
    best: bool


@dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """One of the questions that are shown side by side at every look. number: from 0, the same question each time.
    expected: an answer that would be right. base: what the base model writes when the question is a text to it.
    answer: what the model says now."""

    number: int
    question: str
    expected: str
    base: str
    answer: str
    right: bool
    stopped: bool


@dataclass(frozen=True, kw_only=True)
class WeightsMoved(Event):
    """How far the weights are from those of the base model. parts: "embedding", "blocks.0.attention.qkv", ...
    moved: norm of the difference / norm of the base's weights, for each."""

    parts: tuple[str, ...]
    moved: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class LabelsJudged(Event):
    """A classifier on held-out texts. confusion: counts, one row a true label and one column a chosen one, row after
    row. expected_calibration_error and brier: of the chosen label's probability, 0 to 1.
    bin_confidence, bin_accuracy, bin_counts: the reliability diagram, ten bins from 0 to 1, NaN where one is empty."""

    labels: tuple[str, ...]
    confusion: tuple[int, ...]
    accuracy: float
    expected_calibration_error: float
    brier: float
    bin_confidence: tuple[float, ...]
    bin_accuracy: tuple[float, ...]
    bin_counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class UnknownEvent(Event):
    """Written by another version of Cutaway; kept, shown by nobody."""

    kind: str
    data: dict[str, Any]


EVENT_TYPES: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _restore(annotation: str, value: Any) -> Any:
    if annotation == "float":
        return float(value)
    if isinstance(value, list):
        inner = "float" if annotation == "tuple[float, ...]" else ""
        return tuple(_restore(inner, item) for item in value)
    return value


def encode(event: Event) -> str:
    """One line of standard JSON, without the newline."""
    fields = {f.name: _plain(getattr(event, f.name)) for f in dataclasses.fields(event)}
    return json.dumps({"event": type(event).__name__, **fields}, ensure_ascii=False)


def decode(line: str) -> Event:
    """The event that `encode` wrote. Raises ValueError for a line that is no event at all."""
    data = json.loads(line)
    if not isinstance(data, dict) or "event" not in data:
        raise ValueError("not an event line")
    kind = data.pop("event")
    cls = EVENT_TYPES.get(kind)
    unknown = UnknownEvent(
        step=int(data.get("step", 0)), seconds=float(data.get("seconds", 0.0)), kind=str(kind), data=data
    )
    if cls is None:
        return unknown
    names = {f.name: str(f.type) for f in dataclasses.fields(cls)}
    try:
        return cls(**{k: _restore(names[k], v) for k, v in data.items() if k in names})
    except (TypeError, ValueError):
        return unknown
