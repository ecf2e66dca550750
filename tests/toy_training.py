"""Training on toys: a trainer whose step takes milliseconds, and all that the pretrain stage needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.control import Control
from engine.events import ArtifactReady, Event, Tick
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.model.transformer import Transformer
from engine.pipeline.stage import Context
from engine.stages.pretrain import Config, plan
from engine.store.artifact import open_artifact
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace
from engine.training.evaluate import HeldOut
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer
from engine.training.precision import Precision

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
VOCABULARY = 40
TOKENS = (np.arange(3000) * 7 % VOCABULARY).astype(np.uint16)  # what comes next can be learned
TOY = {"depth": 2, "d_model": 16, "n_head": 2, "context_length": 8, "batch_tokens": 48, "steps": 12, "micro_rows": 2}
NEVER = {"evaluate_every": 10**6, "sample_every": 10**6, "checkpoint_every": 10**6}


def toy_trainer(control: Control | None = None, **settings: object) -> Trainer:
    """settings: fields of the pretrain stage, over TOY and NEVER. The same ones give the same weights."""
    chosen = plan(Config(**{**TOY, **NEVER, **settings}), VOCABULARY)
    torch.manual_seed(1)
    model, length = Transformer(chosen.model), chosen.model.context_length
    looks = list(validation_batches(TOKENS, length, 2, 1))
    precision = Precision("cpu", "float32")
    work = Trainer(
        model,
        build_optimizer(model, chosen.training, precision),
        chosen.training,
        PackedBatches(TOKENS, length, chosen.training.batch_rows, 1),
        precision,
        control or Control(),
        1,
        evaluate=lambda: HeldOut(looks, looks, 0.5).measure(work),
        sample=_nothing,
        save=_nothing,
    )
    return work


def _nothing() -> Iterator[Event]:
    yield Tick()


def toy_context(root: Path) -> Context:
    """With a workspace below `root` that holds a corpus, its tokenizer and its shards. See `toy_run` for a run."""
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


def toy_run(context: Context, name: str) -> Context:
    """The same with a run folder of this name and a control of its own."""
    record = RunRecord("pretrain", "Pretrain", {}, {}, 1, "")
    return replace(context, run_folder=RunFolder.create(context.workspace.runs / name, record), control=Control())
