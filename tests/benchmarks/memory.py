"""What training takes against what was said before Start, and against a plain eager float32 loop.

Every measurement is a process of its own that trains a few steps and tells its peak of resident memory. The estimate
of time starts from the machine's measured matrix product alone, as before a first run.

python -m tests.benchmarks.memory [--quick]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from tests.benchmarks.report import Report, arguments

# shape, rows of a micro-batch, micro-batches of a step, vocabulary
SIZES = {
    "2M": ({"n_layer": 4, "d_model": 192, "n_head": 3, "context_length": 128}, 16, 2, 2048),
    "12M": ({"n_layer": 6, "d_model": 384, "n_head": 6, "context_length": 256}, 16, 2, 4096),
    "124M": ({"n_layer": 12, "d_model": 768, "n_head": 12, "context_length": 1024}, 4, 1, 50_304),
}
BASE_WITH_WINDOW = 170e6  # what an open window adds, which the estimate counts and these processes have not


def child(kind: str, size: str) -> dict[str, Any]:
    """Trains in this process. kind: "ours", "plain", or "nothing" for what is there before any training."""
    import numpy as np
    import torch

    from engine.device import choose_device, measure_precision, set_threads
    from engine.memory import keep_freed_memory
    from engine.model.transformer import Transformer
    from engine.store.machine import Machine
    from tests.benchmarks.plain import PlainGPT, PlainLoop
    from tests.benchmarks.training import build, steps, trainer

    keep_freed_memory()
    set_threads(0)
    shape, rows, micro_batches, vocabulary = SIZES[size]
    chosen = build(shape, rows * micro_batches, vocabulary, rows)
    told: dict[str, Any] = {"parameters": chosen.model.parameters()}
    if kind == "ours":
        measured = measure_precision(choose_device("cpu"))
        told["peak"] = measured.flops_per_second
        machine = Machine(measured.flops_per_second, measured.dtype, measured.speedup)
        cost = chosen.expected(machine.flops_for(chosen.model.parameters()))
        told["estimated_bytes"] = cost.memory_bytes
        told["estimated_seconds"] = cost.seconds / chosen.training.steps
        work, _ = trainer(chosen, Transformer(chosen.model), measured.dtype)
        events = work.run()
        steps(events, 1)
        told["seconds"] = steps(events, 2)
        events.close()
    elif kind == "plain":
        model = PlainGPT(vocabulary, shape["context_length"], shape["n_layer"], shape["n_head"], shape["d_model"])
        loop = PlainLoop(model)
        batch = torch.from_numpy(np.random.default_rng(0).integers(0, vocabulary, (rows, shape["context_length"])))
        for _ in range(2):
            began = time.perf_counter()
            loop.step(batch, batch)
            told["seconds"] = time.perf_counter() - began
    told["bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return told


def measure(kind: str, size: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--child", kind, size]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({"kind": kind, "size": size, **told}), file=sys.stderr)
    return told


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:])))
        return
    options = arguments(__doc__ or "")
    report = Report("memory")
    sizes = ["2M", "12M"] if options.quick else list(SIZES)
    for size in sizes:
        ours = measure("ours", size)
        said, took = ours["estimated_bytes"] - BASE_WITH_WINDOW, ours["bytes"]
        report.add(f"{size}: memory", took / 1e9, "GB")
        report.add(f"{size}: estimate of memory off by", 100 * abs(said / took - 1), "%", "<= 15")
        report.add(f"{size}: a step", ours["seconds"], "s")
        off = 100 * abs(ours["estimated_seconds"] / ours["seconds"] - 1)
        report.add(f"{size}: estimate of time off by", off, "%", "<= 25")
    largest = sizes[-1]
    plain = measure("plain", largest)
    report.add(f"{largest}: baseline, memory of the plain float32 loop", plain["bytes"] / 1e9, "GB")
    saved = 100 * (1 - ours["bytes"] / plain["bytes"])
    report.add(f"{largest}: memory saved against the plain loop", saved, "%", ">= 40" if largest == "124M" else "")
    report.end()


if __name__ == "__main__":
    main()
