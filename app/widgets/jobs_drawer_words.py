"""Events and numbers as one short line each."""

from __future__ import annotations

from app.jobs.run_summary import size_words
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Compiled,
    Compiling,
    ControlApplied,
    DocumentDropped,
    Event,
    Failed,
    HealthAlarm,
    LabelsJudged,
    MemoryRanOut,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    TuningCheck,
    Validation,
)

_CONTROLS = {
    "learning_rate_scale": "learning rate × {value:g} of the plan, by hand",
    "checkpoint": "checkpoint asked for",
    "pause": "paused by hand",
    "resume": "goes on",
    "stop": "stop asked for",
}


def log_line(event: Event, stage: str, before: float = 0.0) -> str:
    """ "00:02:04 checkpoint step-000300 verified, 25 MB", or "" for what fills pages of their own.

    before: seconds that the earlier stages of the run worked.
    """
    words = _words(event, stage)
    return f"{_elapsed(before + event.seconds)} {words}" if words else ""


def _words(event: Event, stage: str) -> str:
    match event:
        case CheckpointSaved():
            return f"checkpoint {event.folder} verified, {size_words(event.bytes)}"
        case StateChanged():
            return state_words(RunState(event.state), stage, event.step)
        case ArtifactReady():
            return f"{event.kind} {'taken from an earlier run' if event.reused else 'ready'}: {_figures(event)}"
        case Validation():
            return (
                f"step {event.step:,}: {event.loss:.3f} nats, {event.bits_per_byte:.3f} bits per byte on held-out text"
            )
        case TuningCheck():
            return f"step {event.step:,}: {event.loss:.3f} nats on held-out conversations{_answers(event)}"
        case LabelsJudged():
            sure = f"{event.expected_calibration_error:.1%} off in how sure it is"
            return f"step {event.step:,}: {event.accuracy:.1%} of held-out texts labelled rightly, {sure}"
        case ControlApplied():
            return _CONTROLS.get(event.name, event.name).format(value=event.value)
        case Resumed():
            return f"goes on from the checkpoint at step {event.step:,}"
        case Notice():
            return event.text
        case Compiling() | Compiled() | MemoryRanOut():
            return event.words
        case DocumentDropped():
            return f"left out {event.source}: {event.reason}"
        case HealthAlarm() | Failed():
            return event.what
    return ""


def state_words(state: RunState, stage: str, step: int) -> str:
    """ "Pretrain stopped at step 412"; a stage without steps leaves the number out."""
    at = f" at step {step:,}" if step else ""
    return {
        RunState.WAITING: f"{stage} waits",
        RunState.STARTING: f"{stage} starts",
        RunState.RUNNING: f"{stage} runs",
        RunState.PAUSED: f"{stage} paused{at}",
        RunState.STOPPING: f"{stage} is stopping",
        RunState.SAVING: f"{stage} is saving",
        RunState.STOPPED: f"{stage} stopped{at}",
        RunState.DONE: f"{stage} done",
        RunState.FAILED: f"{stage} failed{at}",
        RunState.DIED: f"{stage} died{at}, can be resumed",
    }[state]


def _answers(check: TuningCheck) -> str:
    if not check.asked:
        return ""
    return f", {check.exact:.0%} of {check.asked:,} questions exact, {check.stopped:.0%} ended by themselves"


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def _figures(event: ArtifactReady) -> str:
    shown = []
    for name, value in event.figures.items():
        words = f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else value
        shown.append(f"{words} {name.replace('_', ' ')}")
    return ", ".join(shown) or "complete"
