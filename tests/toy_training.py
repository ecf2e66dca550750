"""A trainer of a toy model on toy tokens, in float32 on one CPU: a step takes a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.control import Control
from engine.events import Event, Tick
from engine.model.transformer import Transformer
from engine.stages.pretrain import Config, plan
from engine.training.loop import Data, Trainer
from engine.training.optimizers import build_optimizer
from engine.training.precision import Precision

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
    return Trainer(
        model,
        build_optimizer(model, chosen.training, precision),
        chosen.training,
        Data(PackedBatches(TOKENS, length, chosen.training.batch_rows, 1), looks, looks, 0.5),
        precision,
        control or Control(),
        1,
        sample=_nothing,
        save=_nothing,
    )


def _nothing() -> Iterator[Event]:
    yield Tick()
