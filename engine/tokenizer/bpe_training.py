"""Watches the process that learns merges or pieces, and ends it when asked.

The `tokenizers` library can neither be watched nor cancelled from Python: in a process of its own it can be both.
"""

from __future__ import annotations

import dataclasses
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from engine.errors import CutawayError
from engine.events import Event, Progress, Tick
from engine.tokenizer.bpe_child import COUNTING, PRUNING, READING
from engine.tokenizer.training_text import TrainingText

_WAIT_SECONDS = 0.05
_TELL_SECONDS = 0.1
_KEPT_LINES = 40
_PROGRESS, _PHASE_CHARACTERS = '{"stage"', 20
# Ctrl+C in a terminal is for the parent alone, which then stops in order.
if sys.platform == "win32":
    _NO_WINDOW, _OWN_GROUP = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP, None
else:
    _NO_WINDOW, _OWN_GROUP = 0, 0
_WORDS = {
    READING: ("documents", "Reading the text"),
    COUNTING: ("documents", "Counting characters"),
    PRUNING: ("pieces", "Choosing pieces"),
    "Tokenize words": ("words", "Spelling words in bytes"),
    "Count pairs": ("words", "Counting pairs"),
    "Compute merges": ("merges", "Learning merges"),
}


def train(
    texts: TrainingText, vocab_size: int, pattern: str, min_frequency: int = 2
) -> Generator[Event, None, list[list[str]]]:
    """Merges in rank order, in the byte alphabet. Yields ten times a second; closing it ends the process at once.

    Raises CutawayError when the process fails, with what it printed as details.
    """
    job = {"kind": "bpe", "vocab_size": vocab_size, "pattern": pattern, "min_frequency": min_frequency}
    merges: list[list[str]] = yield from _work(texts, job)
    return merges


def train_unigram(
    texts: TrainingText, vocab_size: int, pattern: str
) -> Generator[Event, None, list[tuple[str, float]]]:
    """Pieces with their log-probabilities, the likeliest first; otherwise as `train`."""
    job = {"kind": "unigram", "vocab_size": vocab_size, "pattern": pattern}
    pieces = yield from _work(texts, job)
    return [(piece, score) for piece, score in pieces]


def _work(texts: TrainingText, settings: dict[str, Any]) -> Generator[Event, None, list[Any]]:
    job, vocab_size = {**settings, "text": dataclasses.asdict(texts)}, settings["vocab_size"]
    process = _start()
    assert process.stdin is not None and process.stderr is not None
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stderr, lines), daemon=True)
    reader.start()
    try:
        with suppress(BrokenPipeError):  # it ended at once: what it printed says why
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        return (yield from _follow(lines, vocab_size))
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()
        with suppress(BrokenPipeError):
            process.stdin.close()


def _start() -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "engine.tokenizer.bpe_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
            encoding="utf-8",
            errors="replace",
            creationflags=_NO_WINDOW,
            process_group=_OWN_GROUP,
        )
    except OSError as error:
        raise CutawayError(
            "The tokenizer could not be trained.",
            f"The process that learns could not be started: {error.strerror or error}.",
            "Close other programs, then try again.",
        ) from error


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Every line but progress that is outdated at once: the library tells each of thousands of merges."""
    held, phase, told = "", "", 0.0
    for line in stream:
        if line.startswith(_PROGRESS) and line[:_PHASE_CHARACTERS] == phase and time.monotonic() - told < _WAIT_SECONDS:
            held = line
            continue
        if held and not line.startswith(phase):
            lines.put(held)
        held, phase, told = "", line[:_PHASE_CHARACTERS], time.monotonic()
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.Queue[str | None], vocab_size: int) -> Generator[Event, None, list[Any]]:
    """The beginning of each phase at once, then the newest progress or a tick ten times a second, and the last."""
    kept: list[str] = []
    newest: Progress | None = None
    phase, told = "", time.monotonic()
    while True:
        line = _next(lines)
        if line is None:
            raise _failed(kept)
        fact = _parse(line)
        if "error" in fact:
            raise CutawayError(*fact["error"])
        if "learned" in fact:
            if newest:
                yield newest
            learned: list[Any] = fact["learned"]
            return learned
        if fact:
            newest = _progress(fact, vocab_size - 257)
        elif line:
            kept = [*kept, line][-_KEPT_LINES:]
        if (newest and newest.message != phase) or time.monotonic() - told >= _TELL_SECONDS:
            yield newest or Tick()
            phase = newest.message if newest else phase
            newest, told = None, time.monotonic()


def _next(lines: queue.Queue[str | None]) -> str | None:
    """The next line, "" when none came within 50 ms, None at the end."""
    try:
        return lines.get(timeout=_WAIT_SECONDS)
    except queue.Empty:
        return ""


def _parse(line: str) -> dict[str, Any]:
    """The line's fact; empty for anything else, such as a traceback."""
    if not line.startswith("{"):
        return {}
    try:
        fact = json.loads(line)
    except ValueError:
        return {}
    return fact if isinstance(fact, dict) else {}


def _progress(fact: dict[str, Any], most_merges: int) -> Progress:
    unit, message = _WORDS.get(str(fact.get("stage")), ("steps", str(fact.get("stage", ""))))
    done, total = int(fact.get("current", 0)), int(fact.get("total", 0))
    if unit == "merges":  # the library counts the bytes into the total, not into what is done
        return Progress(step=done, done=done, total=min(total, most_merges), unit=unit, message=message)
    return Progress(done=done, total=total, unit=unit, message=message)


def _failed(printed: list[str]) -> CutawayError:
    return CutawayError(
        "The tokenizer could not be trained.",
        "The process that learns ended before it was done; most often memory ran out.",
        "Close other programs or learn from less text, then try again.",
        "".join(printed),
    )
