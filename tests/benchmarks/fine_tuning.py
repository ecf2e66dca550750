"""What fine-tuning costs beside pretraining: real tokens a second, and memory in full and with LoRA.

Both train the same model with the same rows, micro-batches and optimizer, in turn within one process, so that what
else the machine does falls on both. Conversations are as long as those about a world (14 to 44 tokens), packed, each
seeing only itself, and what the user says is masked; a token is real when it is no padding.

python -m tests.benchmarks.fine_tuning [--quick]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator

import numpy as np
import torch

from engine.batches.conversations import ConversationBatches, Tokens
from engine.batches.packed import Batches, PackedBatches
from engine.control import Control
from engine.device import choose_device, measure_precision, set_threads
from engine.events import Event
from engine.memory import keep_freed_memory
from engine.model.transformer import Transformer
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer
from engine.training.plan import Plan
from engine.training.precision import Precision
from tests.benchmarks.report import Report, arguments
from tests.benchmarks.training import build, nothing, steps

SIZES = {
    "first-words": ({"n_layer": 4, "d_model": 192, "n_head": 6, "context_length": 128}, 16, 1030),
    "12M": ({"n_layer": 6, "d_model": 384, "n_head": 6, "context_length": 256}, 16, 4096),
}
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


def trainer(chosen: Plan, batches: Batches, precision: str) -> Trainer:
    torch.manual_seed(0)
    model = Transformer(chosen.model)
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
    made = {name: trainer(chosen, batches, precision) for name, batches in all_batches(chosen).items()}
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


def main() -> None:
    options = arguments(__doc__ or "")
    keep_freed_memory()
    set_threads(0)
    report = Report("fine_tuning")
    precision = measure_precision(choose_device("cpu")).dtype
    report.add("trained in bfloat16", float(precision == "bfloat16"), "yes=1")
    for size in SIZES:
        throughput(report, size, 2 if options.quick else 6, precision)
    report.end()


if __name__ == "__main__":
    main()
