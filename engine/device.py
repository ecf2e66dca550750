"""Which device, which precision, how many threads: measured, not guessed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil
import torch

from engine.errors import CutawayError

_MEASURE_SECONDS = 0.025
_MEASURE_ROUNDS = 3


@dataclass(frozen=True)
class Measurement:
    """dtype: "float32" or "bfloat16", the faster one. speedup: bf16 over float32 for a matrix product, measured.
    flops_per_second: of that product in the faster one: the machine's peak."""

    dtype: str
    speedup: float
    flops_per_second: float


def choose_device(wanted: str = "auto") -> torch.device:
    """ "auto" takes CUDA, then Apple's GPU, then the CPU. Raises CutawayError for one that is not there."""
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted == "auto":
        return torch.device(available[0])
    if wanted.split(":")[0] not in available:
        raise CutawayError(
            f'The device "{wanted}" is not there.',
            f"torch {torch.__version__} finds {', '.join(available)}.",
            "Choose one of these, or auto.",
        )
    return torch.device(wanted)


def set_threads(threads: int) -> int:
    """0 takes the physical cores that this process may use. Returns what was set."""
    if threads <= 0:
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = min(psutil.cpu_count(logical=False) or allowed, allowed)
    torch.set_num_threads(threads)
    return threads


def measure_precision(device: torch.device) -> Measurement:
    """Times a matrix product in both precisions for about 150 ms, in turns, and takes the best of each: what else the
    machine does only ever makes it slower. On a CPU without bf16 units bf16 loses."""
    size = 4096 if device.type == "cuda" else 1024
    rates = {torch.float32: 0.0, torch.bfloat16: 0.0}
    for _ in range(_MEASURE_ROUNDS):
        for dtype, best in rates.items():
            rates[dtype] = max(best, _products_per_second(device, dtype, size))
    speedup = rates[torch.bfloat16] / rates[torch.float32]
    peak = max(rates.values()) * 2 * size**3
    return Measurement("bfloat16" if speedup > 1.2 else "float32", speedup, peak)


def _products_per_second(device: torch.device, dtype: torch.dtype, size: int) -> float:
    a = torch.ones(size, size, device=device, dtype=dtype)
    a @ a  # the first call prepares kernels
    _wait(device)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < _MEASURE_SECONDS:
        a @ a
        _wait(device)
        count += 1
    return count / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_bytes(device: torch.device) -> int:
    """What this process holds: on a GPU the allocated tensors, else the resident set."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else "Apple GPU"
