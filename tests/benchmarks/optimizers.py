"""How many steps Muon needs to reach the loss at which AdamW ends, on the built-in world's text.

Both train the same small model from the same weights on the same batches, each with the best of the same learning
rates by held-out loss. Muon then trains along shorter cosines: its steps are the shortest horizon at whose end it is as
good. What a step of each costs is measured in turns: Muon's is dearer, the more so the smaller the batch.

python -m tests.benchmarks.optimizers [--quick]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.batches.token_shards import TokenShards
from engine.control import Control
from engine.device import choose_device, measure_precision, set_threads
from engine.events import ArtifactReady, Event, StepMetrics, Tick, Validation
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.memory import keep_freed_memory
from engine.model.transformer import Transformer
from engine.stages.pretrain import Config, plan
from engine.store.workspace import open_workspace
from engine.training.evaluate import HeldOut
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer
from engine.training.precision import Precision
from tests.benchmarks.report import Report, arguments

VOCABULARY = 1024
MODEL = {"n_layer": 4, "d_model": 128, "n_head": 4, "context_length": 64, "batch_tokens": 2048, "micro_rows": 32}
RATES = (0.004, 0.008, 0.016)
HORIZONS = (0.4, 0.55, 0.7, 0.85, 1.0)  # of Muon, as shares of AdamW's
OPTIMIZERS = ("adamw", "muon")


@dataclass
class Trained:
    """held_out: step -> loss in nats per token."""

    rate: float
    held_out: dict[int, float] = field(default_factory=dict)

    @property
    def end(self) -> float:
        return self.held_out[max(self.held_out)]


def world_text(root: Path) -> TokenShards:
    stages = {
        "world": {"people": 200, "documents": 4000},
        "train_tokenizer": {"kind": "bpe", "vocab_size": VOCABULARY},
        "tokenize": {},
    }
    workspace = open_workspace(root / "workspace")
    run = RecipeRun.create(workspace, recipe_from_json({"name": "world", "description": "", "stages": stages}))
    ready = [event for event in run.work(Control()) if isinstance(event, ArtifactReady)]
    return TokenShards(workspace.root / next(event.folder for event in ready if event.kind == "shards"))


def trainer(shards: TokenShards, optimizer: str, rate: float, steps: int, precision: Precision) -> Trainer:
    often = {"evaluate_every": max(steps // 40, 1), "sample_every": 10**7, "checkpoint_every": 10**7}
    settings = {**MODEL, **often, "steps": steps, "learning_rate": rate, "optimizer": optimizer}
    chosen = plan(Config(**settings, warmup_steps=steps // 10), VOCABULARY)
    torch.manual_seed(1)
    model, length = Transformer(chosen.model), chosen.model.context_length
    looks = list(validation_batches(shards.validation, length, 64, 4))
    work = Trainer(
        model,
        build_optimizer(model, chosen.training, precision),
        chosen.training,
        PackedBatches(shards.train, length, chosen.training.batch_rows, 1),
        precision,
        Control(),
        1,
        evaluate=lambda: HeldOut(looks, looks[:1], 0.25).measure(work),
        sample=nothing,
        save=nothing,
    )
    return work


def train(work: Trainer) -> Trained:
    looks = {event.step: event.loss for event in work.run() if isinstance(event, Validation)}
    found = Trained(work.config.learning_rate, looks)
    print(json.dumps({"optimizer": work.config.optimizer, "rate": found.rate, "end": found.end}), file=sys.stderr)
    return found


def seconds_in_turns(works: dict[str, Trainer], rounds: int) -> dict[str, float]:
    """The median step of each. They take turns, so that what else the machine does falls on both."""
    events = {name: (event for event in work.run() if isinstance(event, StepMetrics)) for name, work in works.items()}
    spent: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 2):
        for name, steps in events.items():
            began = time.perf_counter()
            next(steps)
            if turn >= 2:
                spent[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in spent.items()}


def nothing() -> Iterator[Event]:
    yield Tick()


def main() -> None:
    options = arguments(__doc__ or "")
    keep_freed_memory()
    set_threads(0)
    report = Report("optimizers")
    precision = Precision("cpu", measure_precision(choose_device("cpu")).dtype)
    steps, rates = (80, RATES[:2]) if options.quick else (300, RATES)
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        shards = world_text(Path(folder))
        for optimizer in OPTIMIZERS:
            runs = [train(trainer(shards, optimizer, rate, steps, precision)) for rate in rates]
            best[optimizer] = min(runs, key=lambda run: run.end)
            for run in runs:
                report.add(f"{optimizer}, rate {run.rate}: held-out loss at the end", run.end, "nats")
            report.add(f"{optimizer}: its best rate", best[optimizer].rate, "")
        ends = shorter(shards, best["muon"], steps, HORIZONS[1::2] if options.quick else HORIZONS, precision)
        works = {name: trainer(shards, name, best[name].rate, 10_000, precision) for name in OPTIMIZERS}
        costs = seconds_in_turns(works, 10 if options.quick else 60)
    tell(report, best, ends, costs, steps)
    report.end()


def shorter(
    shards: TokenShards, muon: Trained, steps: int, shares: tuple[float, ...], precision: Precision
) -> dict[int, float]:
    """Horizon -> Muon's held-out loss at its end, its learning rate fallen all the way."""
    ends = {steps: muon.end}
    for share in shares:
        horizon = round(steps * share)
        if horizon not in ends:
            ends[horizon] = train(trainer(shards, "muon", muon.rate, horizon, precision)).end
    return dict(sorted(ends.items()))


def steps_to(mark: float, ends: dict[int, float]) -> float:
    """The horizon at which the line through the ends reaches the mark; the shortest tried when that is below it."""
    before: tuple[int, float] | None = None
    for horizon, loss in ends.items():
        if loss <= mark:
            if before is None:
                return float(horizon)
            return before[0] + (horizon - before[0]) * (before[1] - mark) / (before[1] - loss)
        before = (horizon, loss)
    return float("inf")


def tell(report: Report, best: dict[str, Trained], ends: dict[int, float], costs: dict[str, float], steps: int) -> None:
    mark = best["adamw"].end
    needed = steps_to(mark, ends)
    report.add("baseline: AdamW's steps, and its loss is the mark", steps, "steps")
    report.add("baseline: AdamW's held-out loss", mark, "nats")
    for horizon, loss in ends.items():
        report.add(f"Muon's held-out loss after {horizon} steps", loss, "nats")
    report.add("Muon's steps to AdamW's loss", needed, "steps")
    report.add("steps saved", steps / needed, "times", ">= 1")
    for name, seconds in costs.items():
        report.add(f"a step of {name}", 1000 * seconds, "ms")
    report.add("time saved", steps * costs["adamw"] / (needed * costs["muon"]), "times")


if __name__ == "__main__":
    main()
