"""Which errors say that memory ran out, and what remains to be done when nothing smaller is left to try."""

from __future__ import annotations

import torch

from engine.errors import CutawayError

# How torch says it on a CPU (Linux, Windows), on Apple's GPU, and where C++ says it.
_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def row_too_large(context_length: int) -> CutawayError:
    return CutawayError(
        "Memory ran out with a single row in it.",
        f"The forward and backward pass of {context_length:,} tokens needs more than is free, and less than one row "
        "at a time cannot be computed.",
        "Close other programs, or choose a shorter context or a smaller model. What was saved is intact.",
    )


def rows_too_many(rows: int, processes: int) -> CutawayError:
    return CutawayError(
        f"Memory ran out with {rows:,} rows at a time in each of {processes:,} processes.",
        "Each process holds the whole model and its own rows, and one alone cannot take fewer while the others wait.",
        f"Set micro_rows to {max(rows // 2, 1):,}, or start fewer processes. What was saved is intact.",
    )


def update_too_large(parameters: int) -> CutawayError:
    return CutawayError(
        "Memory ran out while the weights were being updated.",
        f"The averages that the optimizer keeps for {parameters:,} parameters do not fit beside them, and a smaller "
        "batch would not change that.",
        "Close other programs, or choose a smaller model. What was saved is intact.",
    )
