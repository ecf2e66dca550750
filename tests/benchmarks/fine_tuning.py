"""What fine-tuning costs beside pretraining: real tokens a second, and memory in full and with LoRA.

Both train the same model with the same rows, micro-batches and optimizer, in turn within one process, so that what
else the machine does falls on both. Conversations are as long as those about a world (14 to 44 tokens), packed, each
seeing only itself, and what the user says is masked; a token is real when it is no padding.

Memory is the peak of a process of its own, for each way, on a model of GPT-2 small's size with rows that the stage
itself would take; beside it stands what was said before.

python -m tests.benchmarks.fine_tuning [--quick]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from engine.batches.conversations import ConversationBatches, Tokens
from engine.batches.packed import Batches, PackedBatches
from engine.control import Control
from engine.device import choose_device, measure_precision, set_threads
from engine.events import Event
from engine.memory import keep_freed_memory
from engine.model.lora import attach
from engine.model.lora_config import LoraConfig
from engine.model.sizing import estimate
from engine.model.transformer import Transformer
from engine.store.machine import Machine
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer
from engine.training.plan import Plan
from engine.training.precision import Precision
from tests.benchmarks.memory import BASE_WITH_WINDOW
from tests.benchmarks.report import Report, arguments
from tests.benchmarks.training import build, nothing, steps

SIZES = {
    "first-words": ({"n_layer": 4, "d_model": 192, "n_head": 6, "context_length": 128}, 16, 1030),
    "12M": ({"n_layer": 6, "d_model": 384, "n_head": 6, "context_length": 256}, 16, 4096),
}
LARGEST = {"n_layer": 12, "d_model": 768, "n_head": 12, "context_length": 1024}
LARGEST_ROWS, LARGEST_MICRO, LARGEST_VOCABULARY = 4, 2, 50_304
LORA = LoraConfig(rank=32, alpha=16)  # the stage's defaults
SHORTEST, LONGEST, SPOKEN = 14, 44, 0.4  # tokens of a conversation; the share that the assistant says


def conversations(count: int, vocabulary: int) -> list[Tokens]:
    """Of ids by chance: what they say does not change how long they take."""
    random = np.random.default_rng(0)
    found = []
    for length in random.integers(SHORTEST, LONGEST + 1, count).tolist():
        mask = np.arange(length) >= length * (1 - SPOKEN)
        found.append(Tokens(random.integers(0, vocabulary, length), mask))
    return found


def all_batches(chosen: Plan) -> dict[str, Batches]:
    """What is trained on, by name."""
    length, rows, vocabulary = chosen.row_tokens, chosen.training.batch_rows, chosen.model.vocab_size
    tokens = np.random.default_rng(0).integers(0, vocabulary, 400_000).astype(np.uint16)
    talks = conversations(6000, vocabulary)
    text = PackedBatches(tokens, length, rows, 1)
    quarter = PackedBatches(tokens, length, rows // 4, 1)
    return {
        "pretraining": text,
        "fine-tuning": ConversationBatches(talks, length, rows, 1),
        "a quarter of the rows pretraining text": ConversationBatches(talks, length, rows, 1, text=quarter),
        "without packing": ConversationBatches(talks, length, rows, 1, packing=False),
    }


def fresh(chosen: Plan) -> Transformer:
    torch.manual_seed(0)
    return Transformer(chosen.model)


def trainer(chosen: Plan, batches: Batches, precision: str, model: Transformer) -> Trainer:
    numbers = Precision("cpu", precision)
    optimizer = build_optimizer(model, chosen.training, numbers)
    idle = dict.fromkeys(("evaluate", "sample", "save"), nothing)
    return Trainer(model, optimizer, chosen.training, batches, numbers, Control(), 1, **idle)


def speeds(work: dict[str, tuple[Trainer, Iterator[Event]]], rounds: int, each: int) -> dict[str, list[float]]:
    """Real tokens a second of each, `rounds` times `each` steps, in turn."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for events in (events for _, events in work.values()):
        steps(events, 3)
    for _ in range(rounds):
        for name, (trained, events) in work.items():
            before = trained.tokens
            seconds = steps(events, each) * each
            found[name].append((trained.tokens - before) / seconds)
    return found


def throughput(report: Report, size: str, rounds: int, precision: str) -> None:
    shape, rows, vocabulary = SIZES[size]
    chosen = build(shape, rows, vocabulary)
    made = {name: trainer(chosen, batches, precision, fresh(chosen)) for name, batches in all_batches(chosen).items()}
    work = {name: (trained, trained.run()) for name, trained in made.items()}
    found = speeds(work, rounds, 20 if size == "first-words" else 4)
    for _, events in work.values():
        events.close()
    print(json.dumps({"size": size, "precision": precision, "tokens_per_second": found}), file=sys.stderr)
    median = {name: statistics.median(values) for name, values in found.items()}
    filled = all_batches(chosen)["fine-tuning"].tokens_before(100) / (100 * chosen.batch_tokens)
    report.add(f"{size}: share of the places that packing fills", filled, "share")
    for name, value in median.items():
        report.add(f"{size}: {name}", value, "real tokens/s")
    share = 100 * median["fine-tuning"] / median["pretraining"]
    report.add(f"{size}: fine-tuning over pretraining", share, "%", ">= 90")


def child(kind: str) -> dict[str, Any]:
    """Fine-tunes in this process for a few steps. kind: "full", "lora", or "nothing" for what is there before any."""
    chosen = build(LARGEST, LARGEST_ROWS, LARGEST_VOCABULARY, LARGEST_MICRO)
    told: dict[str, Any] = {"parameters": chosen.model.parameters()}
    if kind != "nothing":
        measured = measure_precision(choose_device("cpu"))
        machine = Machine(measured.flops_per_second, measured.dtype, measured.speedup)
        cost = estimate(
            chosen.model,
            tokens=chosen.batch_tokens,
            micro_tokens=LARGEST_MICRO * chosen.row_tokens,
            flops_per_second=machine.flops_for(chosen.model.parameters()),
            half=measured.dtype == "bfloat16",
            lora=LORA if kind == "lora" else None,
        )
        told |= {"estimated_bytes": cost.memory_bytes, "estimated_seconds": cost.seconds}
        model = fresh(chosen)
        if kind == "lora":
            attach(model, LORA, 1)
        talks = conversations(1000, LARGEST_VOCABULARY)
        batches = ConversationBatches(talks, chosen.row_tokens, LARGEST_ROWS, 1)
        work = trainer(chosen, batches, measured.dtype, model)
        told["learning"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
        events = work.run()
        steps(events, 1)
        before = work.tokens
        told["seconds"] = steps(events, 2)
        told["tokens_per_second"] = (work.tokens - before) / (2 * told["seconds"])
        events.close()
    told["bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return told


def memory(report: Report) -> None:
    told = {kind: measure(kind) for kind in ("nothing", "full", "lora")}
    report.add("124M: baseline, the process before training", told["nothing"]["bytes"] / 1e9, "GB")
    for kind in ("full", "lora"):
        found, name = told[kind], f"124M, {kind}"
        report.add(f"{name}: numbers that learn", found["learning"] / 1e6, "million")
        report.add(f"{name}: peak memory", found["bytes"] / 1e9, "GB")
        said = found["estimated_bytes"] - BASE_WITH_WINDOW
        report.add(f"{name}: estimate of memory off by", 100 * abs(said / found["bytes"] - 1), "%", "<= 15")
        report.add(f"{name}: tokens a second", found["tokens_per_second"], "real tokens/s")
        off = 100 * abs(found["estimated_seconds"] / found["seconds"] - 1)
        report.add(f"{name}: estimate of time off by", off, "%", "<= 25")
    saved = 100 * (1 - told["lora"]["bytes"] / told["full"]["bytes"])
    report.add("124M: memory that LoRA saves", saved, "%", ">= 30")


def measure(kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.fine_tuning", "--child", kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({"kind": kind, **told}), file=sys.stderr)
    return told


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        keep_freed_memory()
        set_threads(0)
        print(json.dumps(child(sys.argv[2])))
        return
    options = arguments(__doc__ or "")
    keep_freed_memory()
    set_threads(0)
    report = Report("fine_tuning")
    memory(report)  # first: a process begins with the peak of the one that started it
    precision = measure_precision(choose_device("cpu")).dtype
    report.add("trained in bfloat16", float(precision == "bfloat16"), "yes=1")
    for size in SIZES:
        throughput(report, size, 2 if options.quick else 6, precision)
    report.end()


if __name__ == "__main__":
    main()
