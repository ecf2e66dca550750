"""What a command says: results on stdout, everything else on stderr, also beside a progress bar."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from tqdm import tqdm

from engine.errors import CutawayError


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """One line of standard JSON; a number that is none, such as NaN, becomes null."""
    say(json.dumps(_finite(value), ensure_ascii=False))


def note(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


def note_error(error: CutawayError) -> None:
    """Three lines: what happened, why, and what to do."""
    for sentence in (error.what, error.why, error.remedy):
        note(sentence)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
