"""Tries a pattern or a tokenizer.json of a stranger in a process of its own, for no longer than a few seconds: the
library gives up on some expressions only after minutes, and cannot be interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from engine.errors import CutawayError
from engine.events import Event, Tick
from engine.tokenizer.byte_alphabet import characters
from engine.tokenizer.patterns import PATTERNS, expression, split_json

_MOST_SECONDS = 10.0
_TICK_SECONDS = 0.05
_LONGEST_PATTERN = 5_000
if sys.platform == "win32":
    _NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    _NO_WINDOW = 0


def tried(pattern: str, most_seconds: float = _MOST_SECONDS) -> Generator[Event, None, str]:
    """The expression of a pattern by name or of one's own, once it was seen to work.

    Raises CutawayError for one that is no expression, that matches for ever, or that is empty.
    """
    found = expression(pattern)
    if pattern in PATTERNS or found in PATTERNS.values():
        return found
    if not found or len(found) > _LONGEST_PATTERN or not found.isprintable():
        raise _refused("It is empty, has characters that cannot be seen, or is longer than 5,000 characters")
    vocabulary = {character: index for index, character in enumerate(characters())}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    steps = {"type": "Sequence", "pretokenizers": [split_json(found), byte_level]}
    data = {"version": "1.0", "added_tokens": [], "pre_tokenizer": steps}
    why = yield from try_out({**data, "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}, most_seconds)
    if why:
        raise _refused(why)
    return found


def try_out(data: dict[str, Any], most_seconds: float = _MOST_SECONDS) -> Generator[Event, None, str]:
    """Encodes texts that make bad expressions go astray. data: content of a tokenizer.json. Returns what is wrong with
    it in words, or ""; closing it ends the process at once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.tokenizer.trial_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        creationflags=_NO_WINDOW,
    )
    until = time.monotonic() + most_seconds
    given: bytes | None = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
    try:
        while True:
            try:
                told, _ = process.communicate(given, timeout=_TICK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                given = None
                if time.monotonic() > until:
                    return f"It was still looking for a match after {most_seconds:.0f} seconds"
                yield Tick()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    if process.returncode != 0:
        return "Trying it ended the process that tried it"
    error = str(json.loads(told)["error"])
    return "It looks for a match in too many ways, without end" if "retry-limit" in error else error


def _refused(why: str) -> CutawayError:
    return CutawayError(
        "The expression that cuts text into words cannot be used.",
        f"{why.rstrip('.')}.",
        "Correct it, or choose gpt4, gpt2 or llama3.",
    )
