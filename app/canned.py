"""A whole workspace, told from memory: real files that read as if recipes had run.

`python -m app.preview` and the tests of pages need a run at step 348 of 600 without waiting for one. `build` writes it
with the engine's own events and run folders, so that a page cannot tell the difference. World, tokenizer and shards
are real; the numbers of training are drawn, but they add up: seconds follow from tokens per second, tokens from
steps, the time left from both.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.canned_artifacts import copy_artifacts, told_events, train_tokens
from app.canned_files import write_events, write_record, write_status
from app.canned_stories import Story, finished_runs, first_words
from app.canned_tuning import write_tuning
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Event,
    Failed,
    HealthAlarm,
    Progress,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Validation,
)
from engine.model.sizing import estimate
from engine.stages import pretrain
from engine.store.files import write_json
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace, open_workspace

STATES = ("empty", "running", "paused", "failed", "done")
STORIES = ("first-words", "first-assistant")

_OUTPUTS = {"corpus": "corpus", "train_tokenizer": "tokenizer", "tokenize": "shards"}

_SAMPLES = {
    100: " the was of and and in the",
    200: " the fox. She born the Anvik.",
    340: " Anvik and keeps a green fox.",
    440: " Anvik and keeps a grey fox.",
    540: " Anvik. Mira keeps a grey fox.",
    600: " Anvik. She keeps a grey fox, and her best friend is Ivo Lind.",
}


@dataclass(frozen=True)
class Canned:
    """folder: the recipe run that a page should follow; None in an empty workspace."""

    workspace: Workspace
    folder: Path | None


def build(root: Path, state: str = "running", story: str = "first-words") -> Canned:
    """Fills the folder `root` (new or empty) for one of STATES: of pretraining, or, for the story "first-assistant",
    of the fine-tuning that follows it ("empty": the base is there, and nothing was tuned yet).

    Raises ValueError for any other state or story.
    """
    for word, known in ((state, STATES), (story, STORIES)):
        if word not in known:
            raise ValueError(f"{word!r} is unknown: one of {', '.join(known)}")
    workspace = open_workspace(root)
    if state == "empty" and story == "first-words":
        return Canned(workspace, None)
    copy_artifacts(workspace)
    now = datetime.now().astimezone()
    folders = {finished.name: write_run(workspace, finished, now) for finished in finished_runs()}
    if story == "first-assistant":
        return Canned(workspace, write_tuning(workspace, state, folders["first-words"], now))
    return Canned(workspace, write_run(workspace, first_words(state), now))


def write_run(workspace: Workspace, story: Story, now: datetime) -> Path:
    """Writes one recipe run and gives its folder. A run that is not over carries this process as its writer."""
    live = not story.state.is_final
    ended = now - timedelta(hours=story.hours_ago)
    began = ended - timedelta(seconds=story.total_seconds)
    folder = workspace.new_run_folder(story.name, began)
    write_json(
        folder / "recipe.json",
        {"name": story.name, "description": story.description, "stages": story.tables},
        durable=False,
    )
    os.utime(folder / "recipe.json", (began.timestamp(), began.timestamp()))
    at = began
    for index, stage in enumerate(story.tables):
        seconds = story.preparation.get(stage, story.reached * story.seconds_per_step)
        state = story.state if stage == "pretrain" else RunState.DONE
        run = RunFolder(folder / f"{index + 1}-{stage}")
        run.path.mkdir()
        write_record(run, stage, story.tables[stage], at)
        events = _pretrain(story) if stage == "pretrain" else _preparation(story, stage, seconds)
        write_events(run, [StateChanged(state="running"), *events, *_ending(story, stage, state, seconds)])
        write_status(run, state, story.reached if stage == "pretrain" else 0, seconds, at, live)
        if stage == "pretrain":
            write_json(run.path / "plan.json", _plan(story), durable=False)
        at += timedelta(seconds=seconds)
    return folder


def _preparation(story: Story, stage: str, seconds: float) -> Iterator[Event]:
    """What the stages before pretrain tell: those of the world as they really ran, the others in their last words."""
    if "world" in story.tables:
        yield from told_events(stage, seconds)
        return
    tokens = story.tokens
    count, unit = {
        "corpus": (story.documents, "documents"),
        "train_tokenizer": (story.model.vocab_size, "tokens"),
        "tokenize": (tokens, "tokens"),
    }[stage]
    figures: dict[str, dict[str, float | int | str]] = {
        "corpus": {"documents": story.documents, "bytes": story.corpus_bytes, "dropped": 0},
        "train_tokenizer": {
            "vocab_size": story.model.vocab_size,
            "kind": story.tables["train_tokenizer"]["kind"],
            "bytes_per_token": story.bytes_per_token,
        },
        "tokenize": {
            "train_tokens": tokens - tokens // 20,
            "validation_tokens": tokens // 20,
            "bytes_per_token": story.bytes_per_token,
        },
    }
    kind = _OUTPUTS[stage]
    yield Progress(step=count, seconds=seconds, done=count, total=count, unit=unit)
    yield ArtifactReady(seconds=seconds, kind=kind, folder=f"{kind}/{story.name}", reused=False, figures=figures[stage])


def _pretrain(story: Story) -> Iterator[Event]:
    noise = random.Random(story.name)
    every = max(story.steps // 6, 1)
    for step in range(1, story.reached + 1):
        seconds = step * story.seconds_per_step
        yield _step(story, step, seconds, noise)
        if step % every == 0 or step == story.steps:
            yield _validation(story, step, seconds)
            yield CheckpointSaved(
                step=step, seconds=seconds, folder=f"step-{step:06d}", bytes=_checkpoint_bytes(story), duration=0.21
            )
        if step in _SAMPLES and "world" in story.tables:
            yield TextSample(
                step=step, seconds=seconds, prompt="Mira Toll was born in", text=_SAMPLES[step], seed=7, temperature=0.8
            )


def _step(story: Story, step: int, seconds: float, noise: random.Random) -> StepMetrics:
    warm, done = min(step / 20, 1.0), step / story.steps
    last = step == story.reached
    broken = last and story.state is RunState.FAILED
    speed = story.tokens_per_second * (1 if last else noise.gauss(1.0, 0.015))
    norm = 0.35 + 2.5 * math.exp(-12 * done) + abs(noise.gauss(0, 0.05))
    return StepMetrics(
        step=step,
        seconds=seconds,
        tokens=step * story.tokens_per_step,
        loss=math.nan if broken else story.curve(step) * (1 if last else noise.gauss(1.0, 0.022)),
        learning_rate=3e-3 * warm * (0.1 + 0.45 * (1 + math.cos(math.pi * done))),
        grad_norm=math.inf if broken else norm,
        clipped=broken or norm > 1.0,
        tokens_per_second=speed,
        update_ratio=1.1e-3 * warm * (1 - 0.8 * done),
        memory_bytes=round(0.92e9 * (1 - 0.2 * math.exp(-step / 8))),
    )


def _validation(story: Story, step: int, seconds: float) -> Validation:
    train = story.curve(step) * 0.99
    loss = train * (1 + (story.validation_gap - 1) * step / story.steps)
    return Validation(
        step=step,
        seconds=seconds,
        tokens=step * story.tokens_per_step,
        loss=loss,
        bits_per_byte=loss / math.log(2) / story.bytes_per_token,
        train_loss=train,
    )


def _ending(story: Story, stage: str, state: RunState, seconds: float) -> Iterator[Event]:
    step = story.reached if stage == "pretrain" else 0
    if stage == "pretrain" and state is RunState.DONE:
        figures = {"loss": story.loss, "parameters": story.model.parameters(), "steps": story.steps}
        yield ArtifactReady(step=step, seconds=seconds, kind="model", folder="model", reused=False, figures=figures)
    if state is RunState.FAILED:
        words = {
            "what": f"The loss became NaN at step {step}; the update was withheld.",
            "why": "All weights are finite, so numbers overflowed inside this batch.",
            "remedy": "Resume to skip this batch. If it happens again, lower the learning rate or train in float32.",
        }
        yield HealthAlarm(step=step, seconds=seconds, cause="nan", **words)
        yield Failed(step=step, seconds=seconds, **words)
    if state not in (RunState.RUNNING, RunState.DIED):
        yield StateChanged(step=step, seconds=seconds, state=state.value)


def _checkpoint_bytes(story: Story) -> int:
    return story.model.parameters() * 12 + 40_000  # weights and two moments of AdamW, float32


def _plan(story: Story) -> dict[str, Any]:
    """What pretrain settles before it begins, by its own rules."""
    plan = pretrain.plan(pretrain.Config.model_validate(story.tables["pretrain"]), story.model.vocab_size)
    reached = story.tokens_per_second * 0.97 * plan.model.flops_per_token()
    training = plan.training
    costs = estimate(
        plan.model,
        tokens=plan.tokens,
        micro_tokens=training.micro_rows * plan.model.context_length,
        flops_per_second=reached,
        checkpoints_kept=training.keep_checkpoints,
        extra_share=0.0,
    )
    return {
        "model": plan.model.model_dump(),
        "training": training.model_dump(),
        "origins": plan.origins,
        "tokens": plan.tokens,
        "batch_tokens": plan.batch_tokens,
        "train_tokens": train_tokens() if "world" in story.tables else story.tokens - story.tokens // 20,
        "device": "2 CPU threads",
        "threads": 2,
        "precision": "bfloat16",
        "bf16_speedup": 2.6,
        "peak_flops": reached / 0.47,
        "estimate": asdict(costs),
    }
