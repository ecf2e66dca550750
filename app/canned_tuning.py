"""The fine-tuning that `app.canned` tells: first-words becomes first-assistant, a little over a minute of work.

The questions are about people of the real canned world; losses and shares are drawn after a run on two cores.
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

from app.canned_answers import Asked, asked_about, say
from app.canned_files import write_events, write_record, write_status
from engine.events import (
    Answered,
    ArtifactReady,
    CheckpointSaved,
    Event,
    Failed,
    HealthAlarm,
    Progress,
    RunState,
    StateChanged,
    StepMetrics,
    TuningCheck,
    WeightsMoved,
)
from engine.model.config import ModelConfig
from engine.model.sizing import estimate
from engine.store.files import read_json, write_json
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

STEPS, EVERY, PATIENCE = 240, 20, 3
_BEST, _STOPPED = 160, 220
_BATCH_TOKENS, _SPEED = 4096, 13_080
_SECONDS_A_STEP = _BATCH_TOKENS / _SPEED
_SECONDS_A_LOOK, _PREPARATION = 1.9, 2.6
_CONVERSATIONS = {"train": 3140, "held_out": 1200, "rejected": 0}
_REACHED = {"running": 148, "paused": 148, "failed": 131, "done": _STOPPED}
_SFT = {"batch_rows": 32, "learning_rate": 1e-3, "epochs": 12, "pretraining_share": 0.1, "patience": PATIENCE}


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning: of the run in `base`, until step `reached`, where it ended in `state`."""

    base: Path
    model: ModelConfig
    state: RunState
    reached: int
    asked: tuple[Asked, ...]
    base_folder: str

    @property
    def seconds(self) -> float:
        return seconds_at(self.reached)


def seconds_at(step: int) -> float:
    """Working seconds of fine-tuning, looks included."""
    return step * _SECONDS_A_STEP + (step // EVERY + 1) * _SECONDS_A_LOOK


def write_tuning(workspace: Workspace, state: str, base: Path, now: datetime) -> Path | None:
    """The run's folder; None for "empty": the base stands there, and nothing was tuned yet."""
    model = _give_checkpoint(workspace, base)
    if state == "empty":
        return None
    people = read_json(next((workspace.root / "corpora").glob("*/world.json")))
    base_folder = base.relative_to(workspace.root).as_posix()
    story = Tuning(base, model, RunState(state), _REACHED[state], asked_about(people), base_folder)
    began = now - timedelta(seconds=_PREPARATION + story.seconds + 2)
    folder = workspace.new_run_folder("first-assistant", began)
    tables: dict[str, dict[str, Any]] = {
        "conversations": {"source": "world", "corpus": _told_corpus(workspace)},
        "sft": {"base": base_folder, **_SFT},
    }
    told = {"name": "first-assistant", "description": "first-words learns to answer", "stages": tables}
    write_json(folder / "recipe.json", told, durable=False)
    os.utime(folder / "recipe.json", (began.timestamp(), began.timestamp()))
    _write_conversations(RunFolder(folder / "1-conversations"), tables["conversations"], began)
    _write_sft(RunFolder(folder / "2-sft"), tables["sft"], began + timedelta(seconds=_PREPARATION), story)
    return folder


def _told_corpus(workspace: Workspace) -> str:
    found = next((workspace.root / "corpora").glob("*/world.json"))
    return found.parent.relative_to(workspace.root).as_posix()


def _give_checkpoint(workspace: Workspace, base: Path) -> ModelConfig:
    """What a list of models looks for in the run that is tuned: a sealed checkpoint. There are no weights in it."""
    stage = next(base.glob("*-pretrain"))
    plan = read_json(stage / "plan.json")
    folder = stage / "checkpoints" / f"step-{plan['training']['steps']:06d}"
    folder.mkdir(parents=True)
    tokenizer = next(workspace.root.glob("tokenizers/*/manifest.json")).parent.relative_to(workspace.root).as_posix()
    state = {"model": plan["model"], "step": plan["training"]["steps"], "tokenizer": tokenizer}
    write_json(folder / "state.json", state, durable=False)
    write_json(folder / "manifest.json", {"step": plan["training"]["steps"], "files": {}}, durable=False)
    return ModelConfig.model_validate(plan["model"])


def _write_conversations(run: RunFolder, config: dict[str, Any], began: datetime) -> None:
    run.path.mkdir()
    write_record(run, "conversations", config, began)
    total = _CONVERSATIONS["train"] + _CONVERSATIONS["held_out"]
    events = [
        StateChanged(state="running"),
        Progress(seconds=_PREPARATION, done=total, total=total, unit="conversations"),
        ArtifactReady(
            seconds=_PREPARATION,
            kind="conversations",
            folder="conversations/first-assistant",
            reused=False,
            figures=dict(_CONVERSATIONS),
        ),
        StateChanged(seconds=_PREPARATION, state="done"),
    ]
    write_events(run, events)
    write_status(run, RunState.DONE, 0, _PREPARATION, began, False)


def _write_sft(run: RunFolder, config: dict[str, Any], began: datetime, story: Tuning) -> None:
    run.path.mkdir()
    write_record(run, "sft", config, began)
    write_events(run, [StateChanged(state="running"), *_told(story), *_ending(story)])
    write_status(run, story.state, story.reached, story.seconds, began, not story.state.is_final)
    write_json(run.path / "plan.json", _plan(story), durable=False)
    if story.state is RunState.DONE:
        _give_seal(run.checkpoints / f"step-{_BEST:06d}", story)
        write_json(run.path / "best.json", {"checkpoint": f"step-{_BEST:06d}"}, durable=False)


def _give_seal(folder: Path, story: Tuning) -> None:
    """As `_give_checkpoint`: there is a checkpoint, without weights."""
    folder.mkdir(parents=True)
    write_json(folder / "state.json", {"model": story.model.model_dump(), "step": _BEST}, durable=False)
    write_json(folder / "manifest.json", {"step": _BEST, "files": {}}, durable=False)


def _told(story: Tuning) -> Iterator[Event]:
    noise = random.Random(3)
    yield from _look(story, 0, noise)
    for step in range(1, story.reached + 1):
        yield _step(story, step, noise)
        if step % EVERY == 0:
            yield from _look(story, step, noise)
            yield CheckpointSaved(
                step=step, seconds=seconds_at(step), folder=f"step-{step:06d}", bytes=25_100_000, duration=0.18
            )


def _learned(step: int) -> float:
    """0 for the base, 1 when nothing more is to be learned."""
    return 1 - math.exp(-((step / 62) ** 1.5))


def _step(story: Tuning, step: int, noise: random.Random) -> StepMetrics:
    broken = story.state is RunState.FAILED and step == story.reached
    done, warm = step / STEPS, min(step / 12, 1.0)
    loss = 0.055 + 3.4 * math.exp(-step / 9) + 0.62 * (1 - _learned(step))
    norm = 0.28 + 2.2 * math.exp(-step / 14) + abs(noise.gauss(0, 0.05))
    return StepMetrics(
        step=step,
        seconds=seconds_at(step - 1) + _SECONDS_A_STEP,
        tokens=step * _BATCH_TOKENS,
        loss=math.nan if broken else loss * noise.gauss(1.0, 0.06),
        learning_rate=1e-3 * warm * (0.1 + 0.45 * (1 + math.cos(math.pi * done))),
        grad_norm=math.inf if broken else norm,
        clipped=broken or norm > 1.0,
        tokens_per_second=_SPEED * noise.gauss(1.0, 0.012),
        update_ratio=8e-4 * warm * (1 - 0.8 * done),
        memory_bytes=round(0.71e9),
    )


def _look(story: Tuning, step: int, noise: random.Random) -> Iterator[Event]:
    at: dict[str, Any] = {"step": step, "seconds": seconds_at(step) if step else _SECONDS_A_LOOK}
    learned = _learned(step)
    late = max(step - _BEST, 0) / 60
    loss = 0.098 + 4.31 * math.exp(-step / 9.5) + 0.55 * (1 - learned) + 0.012 * late
    exact = 0.936 * learned**2.2 + (noise.gauss(0, 0.006) if step else 0.0)
    yield TuningCheck(
        **at,
        tokens=step * _BATCH_TOKENS,
        loss=loss,
        token_accuracy=0.31 + 0.665 * learned,
        entropy=2.9 - 2.78 * learned,
        first_token=0.021 + 0.94 * learned,
        asked=400,
        exact=exact if step else 0.0,
        stopped=min(0.996, 1.02 * (1 - math.exp(-step / 14))),
        pretraining_loss=0.571 + 0.083 * (1 - math.exp(-step / 55)),
        best=step <= _BEST,
    )
    for number, question in enumerate(story.asked):
        answer, right, stopped = say(question, number, step, learned)
        yield Answered(
            **at,
            number=number,
            question=question.question,
            expected=question.expected,
            base=question.base,
            answer=answer,
            right=right,
            stopped=stopped,
        )
    yield _moved(story.model, at, step)


def _moved(model: ModelConfig, at: dict[str, Any], step: int) -> WeightsMoved:
    shape = random.Random(11)
    parts, moved = ["embedding"], [0.058]
    for layer in range(model.n_layer):
        rise = 0.6 + 0.55 * layer / max(model.n_layer - 1, 1)
        for part, size in (
            ("attention_norm", 0.012),
            ("attention.qkv", 0.104),
            ("attention.out", 0.121),
            ("attention.q_norm", 0.018),
            ("attention.k_norm", 0.017),
            ("mlp_norm", 0.014),
            ("mlp.up", 0.098),
            ("mlp.down", 0.142),
        ):
            parts.append(f"blocks.{layer}.{part}")
            moved.append(size * rise * shape.uniform(0.85, 1.15))
    parts.append("final_norm")
    moved.append(0.021)
    gone = 1 - math.exp(-step / 70)
    return WeightsMoved(**at, parts=tuple(parts), moved=tuple(value * gone for value in moved))


def _ending(story: Tuning) -> Iterator[Event]:
    at: dict[str, Any] = {"step": story.reached, "seconds": story.seconds}
    if story.state is RunState.DONE:
        figures: dict[str, float | int | str] = {
            "steps": story.reached,
            "best_step": _BEST,
            "asked": 1200,
            "exact": 0.931,
            "stopped": 0.9967,
            "parameters": story.model.parameters(),
        }
        yield ArtifactReady(**at, kind="model", folder="model", reused=False, figures=figures)
    if story.state is RunState.FAILED:
        words = {
            "what": f"The loss became NaN at step {story.reached}; the update was withheld.",
            "why": "All weights are finite, so numbers overflowed inside this batch.",
            "remedy": "Resume to skip this batch. If it happens again, lower the learning rate or train in float32.",
        }
        yield HealthAlarm(**at, cause="nan", **words)
        yield Failed(**at, **words)
    if story.state is not RunState.RUNNING:
        yield StateChanged(**at, state=story.state.value)


def _plan(story: Tuning) -> dict[str, Any]:
    told = read_json(next(story.base.glob("*-pretrain")) / "plan.json")
    flops = _SPEED * story.model.flops_per_token() * 0.97
    costs = estimate(
        story.model, tokens=STEPS * _BATCH_TOKENS, micro_tokens=2048, flops_per_second=flops, extra_share=0.3
    )
    training = {
        **told["training"],
        "steps": STEPS,
        "batch_rows": 32,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "warmup_steps": 12,
        "evaluate_every": EVERY,
    }
    return {
        **told,
        "training": training,
        "origins": {**told["origins"], **dict.fromkeys(_SFT, "preset")},
        "tokens": STEPS * _BATCH_TOKENS,
        "batch_tokens": _BATCH_TOKENS,
        "train_tokens": 81_920,
        "estimate": asdict(costs),
        "conversations": {
            "train": _CONVERSATIONS["train"],
            "held_out": _CONVERSATIONS["held_out"],
            "dropped_too_long": 0,
            "truncated": 4,
            "all_masked": 0,
            "tokens": 81_920,
            "trained_tokens": 24_330,
        },
        "base": "first-words, step 600",
        "base_folder": story.base_folder,
        "method": "full",
        "row_length": 128,
    }
