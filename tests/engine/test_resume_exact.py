"""A run that was stopped and resumed equals one that was left alone, bit for bit: every optimizer, every schedule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from engine.control import Control
from engine.events import ArtifactReady, Resumed, StepMetrics, Tick
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.pipeline.drive import drive
from engine.pipeline.stage import Context
from engine.stages import pretrain
from engine.store.artifact import open_artifact
from engine.store.checkpoint import list_checkpoints
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
# Six rows in micro-batches of four: accumulated, and the last one is smaller.
TINY = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 96, "micro_rows": 4}
TINY |= {"steps": 9, "evaluate_every": 4, "sample_every": 5, "checkpoint_every": 4, "sample_tokens": 2}
TINY |= {"learning_rate": 0.01, "warmup_steps": 2}
OPTIMIZERS = get_args(pretrain.Config.model_fields["optimizer"].annotation)
SCHEDULES = get_args(pretrain.Config.model_fields["schedule"].annotation)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Context:
    root = tmp_path_factory.mktemp("resume")
    workspace = open_workspace(root / "workspace")
    (root / "text.txt").write_text(TEXT)
    stages = {
        "corpus": {"paths": [str(root / "text.txt")]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail", "validation_share": 0.1},
    }
    run = RecipeRun.create(workspace, recipe_from_json({"name": "toy", "description": "", "stages": stages}))
    ready = [event for event in run.work(Control()) if isinstance(event, ArtifactReady)]
    parents = {event.kind: open_artifact(workspace.root / event.folder, event.kind) for event in ready}
    return Context(workspace, RunFolder(root / "nowhere"), Control(), "toy", parents, "cpu", 1)


def begin(toy: Context, name: str) -> Context:
    record = RunRecord("pretrain", "Pretrain", {}, {}, 1, "")
    return replace(toy, run_folder=RunFolder.create(toy.workspace.runs / name, record), control=Control())


def train(context: Context, stop_after_ticks: int | None = None, **changes: object) -> None:
    """stop_after_ticks: a step has two, so an odd number stops in the middle of one."""
    left = stop_after_ticks
    for event in drive(pretrain, pretrain.Config(**{**TINY, **changes}), context):
        if left is not None and isinstance(event, Tick):
            left -= 1
            if left == 0:
                context.control.stop()


def everything(context: Context) -> dict[str, bytes]:
    """The newest checkpoint: weights, the optimizer's state, random numbers."""
    newest: Path = list_checkpoints(context.run_folder.checkpoints)[-1]
    return {path.name: path.read_bytes() for path in newest.glob("*.safetensors")} | {"name": newest.name.encode()}


def losses(context: Context) -> dict[int, float]:
    return {event.step: event.loss for event in context.run_folder.all_events() if isinstance(event, StepMetrics)}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_and_resumed_equals_left_alone(toy: Context, optimizer: str, schedule: str, precision: str) -> None:
    chosen = {"optimizer": optimizer, "schedule": schedule, "precision": precision, "dropout": 0.2}
    name = "-".join((optimizer, schedule, precision))
    whole, broken = begin(toy, f"{name}-whole"), begin(toy, f"{name}-broken")
    train(whole, **chosen)
    for ticks in (5, 4, 3):
        train(replace(broken, control=Control()), stop_after_ticks=ticks, **chosen)
    train(replace(broken, control=Control()), **chosen)
    resumed = [event.step for event in broken.run_folder.all_events() if isinstance(event, Resumed)]
    assert len(resumed) == 3
    assert losses(broken) == losses(whole) and len(losses(whole)) == 9
    assert everything(broken) == everything(whole)


def test_optimizers_and_schedules_are_really_different(toy: Context) -> None:
    """Else the test above would prove less than it says."""
    ends = []
    for optimizer in OPTIMIZERS:
        for schedule in SCHEDULES:
            work = begin(toy, f"{optimizer}-{schedule}-only")
            train(work, optimizer=optimizer, schedule=schedule, precision="float32")
            ends.append(everything(work)["model.safetensors"])
    assert len(set(ends)) == len(OPTIMIZERS) * len(SCHEDULES)
