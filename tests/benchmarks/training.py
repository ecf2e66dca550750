"""How fast this engine trains, beside a plain eager float32 loop of the same model and the machine's own limits.

At 12M parameters (6 layers, width 384, context 256, batch 16) and at 2M. Ours and the plain loop take turns, so that
what else the machine does falls on both. Peak: the best of several matrix products. Utilisation counts 6 N tokens plus
attention.

python -m tests.benchmarks.training [--quick]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch

from engine.batches.packed import Batch, PackedBatches
from engine.control import Control
from engine.device import choose_device, measure_precision, set_threads
from engine.events import Event, StepMetrics
from engine.memory import keep_freed_memory
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.stages.pretrain import Config, plan
from engine.training.loop import Trainer
from engine.training.optimizers import build_adamw
from engine.training.plan import Plan
from engine.training.precision import Precision
from tests.benchmarks.plain import PlainGPT, PlainLoop, copy_weights
from tests.benchmarks.report import Report, arguments

SIZES = {
    "12M": ({"n_layer": 6, "d_model": 384, "n_head": 6, "context_length": 256}, 16, 4096),
    "2M": ({"n_layer": 4, "d_model": 192, "n_head": 3, "context_length": 128}, 64, 2048),
}


class Timed(PackedBatches):
    """Counts the seconds that `batch` takes."""

    seconds = 0.0

    def batch(self, index: int) -> Batch:
        began = time.perf_counter()
        found = super().batch(index)
        self.seconds += time.perf_counter() - began
        return found


def build(shape: dict[str, int], rows: int, vocabulary: int, micro_rows: int = 0) -> Plan:
    settings = {**shape, "batch_tokens": rows * shape["context_length"], "micro_rows": micro_rows or rows}
    settings |= {"steps": 1_000_000}
    settings |= {"evaluate_every": 10**7, "sample_every": 10**7, "checkpoint_every": 10**7, "warmup_steps": 10}
    return plan(Config(**settings), vocabulary)


def trainer(chosen: Plan, model: Transformer, precision: str) -> tuple[Trainer, Timed]:
    length, rows = chosen.model.context_length, chosen.training.batch_rows
    tokens = np.random.default_rng(0).integers(0, chosen.model.vocab_size, 400_000).astype(np.uint16)
    batches = Timed(tokens, length, rows, 1)
    optimizer = build_adamw(model, chosen.training)
    work = Trainer(
        model,
        optimizer,
        chosen.training,
        batches,
        Precision("cpu", precision),
        Control(),
        1,
        evaluate=nothing,
        sample=nothing,
        save=nothing,
    )
    return work, batches


def nothing() -> Iterator[Event]:
    yield from ()


def steps(events: Iterator[Event], count: int) -> float:
    """Seconds a step, of `count` steps of a running trainer."""
    began = time.perf_counter()
    for _ in range(count):
        while not isinstance(next(events), StepMetrics):
            pass
    return (time.perf_counter() - began) / count


def peak(dtype: torch.dtype) -> float:
    """FLOPs per second of the best square matrix product, each tried for a third of a second."""
    best = 0.0
    for size in (512, 1024, 2048, 4096):
        a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        a @ b
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 0.35:
            a @ b
            count += 1
        best = max(best, count * 2 * size**3 / (time.perf_counter() - began))
    return best


def one_size(report: Report, size: str, rounds: int, precision: str, peaks: dict[str, list[float]]) -> None:
    shape, rows, vocabulary = SIZES[size]
    name = f"{size}, {precision}"
    chosen = build(shape, rows, vocabulary)
    torch.manual_seed(0)
    model = Transformer(chosen.model)
    plain = PlainGPT(vocabulary, shape["context_length"], shape["n_layer"], shape["n_head"], shape["d_model"])
    copy_weights(plain, weights(model))
    loop, (work, data) = PlainLoop(plain), trainer(chosen, model, precision)
    inputs, targets = (torch.from_numpy(part) for part in data.batch(0))
    with torch.no_grad():
        theirs = float(loop.loss(inputs, targets))
        ours = float(work.objective.eval()(inputs, targets))
    if abs(ours - theirs) > 1e-4:
        raise SystemExit(f"these are not the same model: {ours} and {theirs}")
    events = work.run()
    steps(events, 3)
    loop.step(inputs, targets)
    data.seconds, spent = 0.0, 0.0
    mine, plainly = [], []
    for _ in range(rounds):
        mine.append(steps(events, 3))
        spent += 3 * mine[-1]
        began = time.perf_counter()
        loop.step(inputs, targets)
        plainly.append(time.perf_counter() - began)
        for kind, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            peaks[kind].append(peak(dtype))
    events.close()
    tokens, median = chosen.batch_tokens, statistics.median
    flops = chosen.model.flops_per_token() * tokens
    report.add(f"{name}: ours", tokens / median(mine), "tokens/s")
    report.add(f"{name}: baseline, plain float32 loop", tokens / median(plainly), "tokens/s")
    goal = (">= 3" if precision == "bfloat16" else ">= 1.1") if size == "12M" else ">= 1"
    report.add(f"{name}: ours over the plain loop", median(plainly) / median(mine), "times", goal)
    share = 100 * flops / median(mine) / median(peaks[precision])
    goal = ">= 55" if size == "12M" and precision == "bfloat16" else ""
    report.add(f"{name}: share of the measured peak", share, "%", goal)
    report.add(f"{name}: time spent waiting for data", 100 * data.seconds / spent, "%", "<= 1")
    print(json.dumps({"size": name, "ours_s": mine, "plain_s": plainly}), file=sys.stderr)


def main() -> None:
    options = arguments(__doc__ or "")
    keep_freed_memory()
    set_threads(0)
    report = Report("training")
    precision = measure_precision(choose_device("cpu")).dtype
    report.add("trained in bfloat16", float(precision == "bfloat16"), "yes=1")
    peaks: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    # In float32 as well: that is what a processor without bf16 units is left with.
    for size in SIZES:
        for kind in dict.fromkeys((precision, "float32")):
            one_size(report, size, 2 if options.quick else 8, kind, peaks)
    for kind, found in peaks.items():
        report.add(f"baseline: matrix product, {kind}", statistics.median(found) / 1e9, "GFLOP/s")
    report.end()


if __name__ == "__main__":
    main()
