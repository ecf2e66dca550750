"""Training GPT-2 124M at context 1024 on a GPU: tokens a second, share of its peak, peak memory.

Beside it, in the same run: a plain eager loop in bf16 autocast, a device copy and the best matrix product in bf16,
which are what the device gives at most. MFU counts 6 N tokens plus attention against the datasheet's dense bf16 figure,
where the device is known. Where there is no GPU it says so and ends.

python -m tests.benchmarks.gpu [--quick]
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from engine.batches.packed import PackedBatches
from engine.control import Control
from engine.events import Event, StepMetrics
from engine.model.transformer import Transformer
from engine.stages.pretrain import Config, plan
from engine.training.compiled import compile_objective
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer
from engine.training.plan import Plan
from engine.training.precision import Precision
from tests.benchmarks.plain import PlainGPT
from tests.benchmarks.report import Report, arguments, machine

VOCABULARY = 50_304  # GPT-2's 50,257, padded to a multiple of 64 as llm.c and nanoGPT do
GPT2 = {"depth": 12, "n_layer": 12, "d_model": 768, "n_head": 12, "context_length": 1024, "batch_tokens": 2**19}
GPT2 |= {"norm": "layernorm", "positions": "learned", "activation": "gelu", "qk_norm": False, "bias": True}
# Dense bf16, without sparsity, from the makers' datasheets.
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


def settled(free_bytes: int, **settings: object) -> Plan:
    never = {"evaluate_every": 10**7, "sample_every": 10**7, "checkpoint_every": 10**7, "steps": 10**6}
    return plan(Config(**{**GPT2, **never, **settings}), VOCABULARY).for_memory(free_bytes)


def trainer(chosen: Plan, device: torch.device) -> Trainer:
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 4_000_000).astype(np.uint16)
    batches = PackedBatches(tokens, chosen.model.context_length, chosen.training.batch_rows, 1)
    precision = Precision(device.type, "bfloat16")
    precision.prepare()
    torch.manual_seed(1)
    model = Transformer(chosen.model).to(device)
    moved_by = build_optimizer(model, chosen.training, precision)
    idle = dict.fromkeys(("evaluate", "sample", "save"), nothing)
    return Trainer(model, moved_by, chosen.training, batches, precision, Control(), 1, **idle)


def nothing() -> Iterator[Event]:
    yield from ()


def seconds_a_step(work: Trainer, steps: int) -> float:
    """After three that warm up. Numbers are told one step late, so the clock runs from one rest of the device to the
    next."""
    events = work.run()
    told(events, 3)
    torch.cuda.synchronize()
    first, began = work.step, time.perf_counter()
    told(events, steps)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    events.close()
    return seconds / (work.step - first)


def told(events: Iterator[Event], steps: int) -> None:
    for _ in range(steps):
        while not isinstance(next(events), StepMetrics):
            pass


def plain_tokens_per_second(rows: int, device: torch.device) -> float:
    """The loop that most would write first: eager, bf16 autocast, logits in full, a number read every step."""
    model = PlainGPT(VOCABULARY, 1024, 12, 12, 768).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4, fused=True)
    ids = torch.randint(0, VOCABULARY, (rows, 1025), device=device)
    began, steps = 0.0, 6
    for step in range(steps + 2):
        if step == 2:
            torch.cuda.synchronize()
            began = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(ids[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        float(loss.detach())
    return steps * rows * 1024 / (time.perf_counter() - began)


def copy_bytes_per_second(device: torch.device) -> float:
    """Read and written, from one half of a gigabyte to the other."""
    source = torch.empty(2**29, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / timed(lambda: target.copy_(source))


def product_flops(device: torch.device) -> float:
    best = 0.0
    for size in (4096, 8192, 16_384):
        a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
        best = max(best, 2 * size**3 / timed(lambda a=a, b=b: a @ b))
    return best


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call, of twenty after five."""
    for _ in range(5):
        work()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(20):
        work()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000 / 20


def has_flash_attention(device: torch.device) -> bool:
    q = torch.randn(1, 12, 1024, 64, device=device, dtype=torch.bfloat16)
    try:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            scaled_dot_product_attention(q, q, q, is_causal=True)
    except RuntimeError:
        return False
    return True


def measure(report: Report, name: str, device: torch.device, *, compiled: bool, steps: int, **settings: object) -> None:
    torch.compiler.reset()  # what was compiled before holds its model
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    chosen = settled(torch.cuda.mem_get_info(device)[0], **settings)
    work = trainer(chosen, device)
    if compiled:
        report.add(f"{name}: compile time", compile_objective(work), "s")
    speed = chosen.batch_tokens / seconds_a_step(work, steps)
    reached = speed * chosen.model.flops_per_token()
    report.add(f"{name}: speed", speed, "tokens/s")
    report.add(f"{name}: rows at a time", work.micro_rows, "rows")
    report.add(f"{name}: peak memory", torch.cuda.max_memory_allocated(device) / 1e9, "GB")
    report.add(f"{name}: share of the best matrix product", 100 * reached / product_flops(device), "%")
    peak = next((flops for known, flops in PEAKS.items() if known in torch.cuda.get_device_name(device)), 0.0)
    if peak:
        goal = ">= 45" if compiled and "AdamW" in name else ""
        report.add(f"{name}: MFU", 100 * reached / peak, "%", goal)


def main() -> None:
    options = arguments(__doc__ or "")
    if not torch.cuda.is_available():
        note = "no GPU here: nothing was measured"
        print(json.dumps({"benchmark": "gpu", "machine": machine(), "figures": {}, "note": note}))
        return
    device = torch.device("cuda")
    report = Report("gpu", {**machine(), "gpu": torch.cuda.get_device_name(device), "torch": torch.__version__})
    report.add("baseline: device copy, read and written", copy_bytes_per_second(device) / 1e9, "GB/s")
    report.add("baseline: matrix product, bfloat16", product_flops(device) / 1e12, "TFLOP/s")
    report.add("flash attention is at hand", float(has_flash_attention(device)), "yes=1")
    report.add("baseline: plain eager loop, 16 rows", plain_tokens_per_second(16, device), "tokens/s")
    steps = 4 if options.quick else 12
    measure(report, "AdamW, compiled", device, compiled=True, steps=steps)
    if not options.quick:
        measure(report, "AdamW, eager", device, compiled=False, steps=steps)
        measure(report, "Muon, compiled", device, compiled=True, steps=steps, optimizer="muon")
    report.end()


if __name__ == "__main__":
    main()
