"""The fine-tuning that `app.canned` tells: first-words becomes first-assistant, a little over a minute of work.

The questions are about people of the real canned world; what is told of them follows a real run on two cores.
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
from engine.stages import sft
from engine.store.files import read_json, write_json
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace
from engine.training.tuning_plan import make_tuning_plan

STEPS, EVERY = 676, 68
_BATCH_TOKENS, _SPEED = 2027, 24_800  # real tokens of 16 rows; each row is filled to 99%
_SECONDS_A_STEP = _BATCH_TOKENS / _SPEED
_SECONDS_A_LOOK, _PREPARATION = 0.9, 2.6
_CONVERSATIONS = {"train": 5609, "held_out": 2900, "rejected": 0}
_REACHED = {"running": 425, "paused": 425, "failed": 389, "done": STEPS}
_SFT = {"learning_rate": 1e-3, "epochs": 4, "pretraining_share": 0.5}
# Of each look: held-out loss, tokens guessed right, entropy, first token, exact, ended, pretraining loss, moved so far.
_LOOKS = (
    (4.801, 0.448, 1.093, 0.000, 0.000, 0.045, 0.489, 0.000),
    (0.330, 0.929, 0.469, 0.451, 0.930, 1.000, 0.513, 0.558),
    (0.290, 0.935, 0.362, 0.511, 0.955, 1.000, 0.510, 0.707),
    (0.293, 0.938, 0.365, 0.457, 0.955, 1.000, 0.500, 0.807),
    (0.274, 0.939, 0.328, 0.437, 0.965, 1.000, 0.498, 0.874),
    (0.254, 0.942, 0.318, 0.451, 0.975, 1.000, 0.495, 0.926),
    (0.250, 0.944, 0.292, 0.457, 0.960, 1.000, 0.489, 0.958),
    (0.248, 0.945, 0.273, 0.490, 0.975, 1.000, 0.484, 0.980),
    (0.242, 0.947, 0.253, 0.505, 0.980, 1.000, 0.482, 0.991),
    (0.239, 0.947, 0.238, 0.531, 0.980, 1.000, 0.478, 0.998),
    (0.237, 0.947, 0.240, 0.517, 0.985, 1.000, 0.477, 1.000),
)
_MOVED = {
    "embedding": (0.182,),
    "attention_norm": (0.069, 0.010, 0.013, 0.011),
    "attention.qkv": (0.149, 0.131, 0.142, 0.131),
    "attention.out": (0.173, 0.126, 0.146, 0.132),
    "attention.q_norm": (0.016, 0.012, 0.010, 0.010),
    "attention.k_norm": (0.016, 0.012, 0.012, 0.010),
    "mlp_norm": (0.015, 0.014, 0.012, 0.014),
    "mlp.up": (0.126, 0.145, 0.138, 0.132),
    "mlp.down": (0.131, 0.161, 0.155, 0.145),
    "final_norm": (0.034,),
}


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
        _give_seal(run.checkpoints / f"step-{STEPS:06d}", story)
        write_json(run.path / "best.json", {"checkpoint": f"step-{STEPS:06d}"}, durable=False)


def _give_seal(folder: Path, story: Tuning) -> None:
    """As `_give_checkpoint`: there is a checkpoint, without weights."""
    folder.mkdir(parents=True)
    write_json(folder / "state.json", {"model": story.model.model_dump(), "step": STEPS}, durable=False)
    write_json(folder / "manifest.json", {"step": STEPS, "files": {}}, durable=False)


def _told(story: Tuning) -> Iterator[Event]:
    noise = random.Random(3)
    yield from _look(story, 0)
    for step in range(1, story.reached + 1):
        yield _step(story, step, noise)
        if step % EVERY == 0 or step == STEPS:
            yield from _look(story, step)
            yield CheckpointSaved(
                step=step, seconds=seconds_at(step), folder=f"step-{step:06d}", bytes=23_600_000, duration=0.18
            )


def _step(story: Tuning, step: int, noise: random.Random) -> StepMetrics:
    broken = story.state is RunState.FAILED and step == story.reached
    warm, left = min(step / 33, 1.0), 1 - max(step - 33, 0) / (STEPS - 33)
    loss = 0.37 + 0.2 * math.exp(-step / 220) + 1.2 * math.exp(-step / 22)
    norm = 0.29 + 1.3 * math.exp(-step / 16) + abs(noise.gauss(0, 0.04))
    return StepMetrics(
        step=step,
        seconds=seconds_at(step - 1) + _SECONDS_A_STEP,
        tokens=step * _BATCH_TOKENS,
        loss=math.nan if broken else loss * noise.gauss(1.0, 0.06),
        learning_rate=1e-3 * warm * left,
        grad_norm=math.inf if broken else norm,
        clipped=broken or norm > 1.0,
        tokens_per_second=_SPEED * noise.gauss(1.0, 0.02),
        memory_bytes=round(0.71e9 * (1 - 0.2 * math.exp(-step / 60))),
    )


def _look(story: Tuning, step: int) -> Iterator[Event]:
    place = -(-step // EVERY)
    loss, accuracy, entropy, first, exact, stopped, text, moved = _LOOKS[place]
    at: dict[str, Any] = {"step": step, "seconds": seconds_at(step) if step else _SECONDS_A_LOOK}
    for number, question in enumerate(story.asked):
        answer, right, ended = say(question, number, place)
        yield Answered(
            **at,
            number=number,
            question=question.question,
            expected=question.expected,
            base=question.base,
            answer=answer,
            right=right,
            stopped=ended,
        )
    yield _moved(at, moved)
    yield TuningCheck(
        **at,
        tokens=step * _BATCH_TOKENS,
        loss=loss,
        token_accuracy=accuracy,
        entropy=entropy,
        first_token=first,
        asked=200,
        exact=exact,
        stopped=stopped,
        pretraining_loss=text,
        best=loss <= min(look[0] for look in _LOOKS[: place + 1]),
    )


def _moved(at: dict[str, Any], share: float) -> WeightsMoved:
    alone = {part: values[0] for part, values in _MOVED.items() if len(values) == 1}
    found = {"embedding": alone.pop("embedding")}
    for layer in range(4):
        blocks = {part: values[layer] for part, values in _MOVED.items() if len(values) > 1}
        found |= {f"blocks.{layer}.{part}": value for part, value in blocks.items()}
    found |= alone
    return WeightsMoved(**at, parts=tuple(found), moved=tuple(value * share for value in found.values()))


def _ending(story: Tuning) -> Iterator[Event]:
    at: dict[str, Any] = {"step": story.reached, "seconds": story.seconds}
    if story.state is RunState.DONE:
        figures: dict[str, float | int | str] = {
            "steps": story.reached,
            "best_step": STEPS,
            "asked": 2000,
            "exact": 0.978,
            "stopped": 1.0,
            "parameters": story.model.parameters(),
        }
        yield ArtifactReady(**at, kind="model", folder="model", reused=False, figures=figures)
    if story.state is RunState.FAILED:
        words = {
            "what": f"The loss became NaN at step {story.reached}; the update was withheld.",
            "why": "All weights are finite, so numbers overflowed inside this batch.",
            "remedy": "Resume to skip this batch. If it happens again, lower the learning rate or train in float32.",
        }
        yield HealthAlarm(step=story.reached, seconds=story.seconds, cause="nan", **words)
        yield Failed(step=story.reached, seconds=story.seconds, **words)
    if story.state is not RunState.RUNNING:
        yield StateChanged(**at, state=story.state.value)


def _plan(story: Tuning) -> dict[str, Any]:
    """What the stage settles before it begins, by its own rules."""
    told = read_json(next(story.base.glob("*-pretrain")) / "plan.json")
    config = sft.Config.model_validate(_SFT)
    rows = round(STEPS * 8 / config.epochs)
    plan = make_tuning_plan(config.model_dump(), set(config.model_fields_set), story.model, rows, has_text=True)
    flops = _SPEED * story.model.flops_per_token() * 0.97
    costs = estimate(
        story.model, tokens=plan.tokens, micro_tokens=2048, flops_per_second=flops, extra_share=0.3, half=True
    )
    return {
        **told,
        "model": plan.model.model_dump(),
        "training": plan.training.model_dump(),
        "origins": plan.origins,
        "tokens": plan.tokens,
        "batch_tokens": plan.batch_tokens,
        "estimate": asdict(costs),
        "base": f"{story.base.name}, step 600",
        "base_folder": story.base_folder,
        "method": config.method,
        "row_length": plan.row_length,
        "text_rows": 8,
        "conversations": {
            "train": _CONVERSATIONS["train"],
            "held_out": _CONVERSATIONS["held_out"],
            "dropped_too_long": 0,
            "truncated": 0,
            "all_masked": 0,
            "refused": 0,
            "tokens": 167_435,
            "trained_tokens": 72_140,
        },
    }
