"""`plan.json`: what a page shows before and beside the curve of a training."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.errors import CutawayError
from engine.model.lora_config import LoraConfig
from engine.store.files import read_json, write_json
from engine.training.plan import Plan

FILE = "plan.json"


def write_plan(
    folder: Path, plan: Plan, facts: dict[str, Any], flops_per_second: float, more_seconds: float = 0.0
) -> None:
    """facts: what the stage says beside it. flops_per_second: what training was known to reach before Start.
    more_seconds: what the stage takes beside its steps."""
    lora = LoraConfig.model_validate(facts["lora"]) if facts.get("lora") else None
    expected = plan.expected(flops_per_second, lora)
    estimate = _said_before_start(folder) or asdict(replace(expected, seconds=expected.seconds + more_seconds))
    told = {
        "model": plan.model.model_dump(),
        "training": plan.training.model_dump(),
        "origins": plan.origins,
        "tokens": plan.tokens,
        "batch_tokens": plan.batch_tokens,
        **facts,
        "estimate": estimate,
    }
    write_json(folder / FILE, told)


def _said_before_start(folder: Path) -> dict[str, Any] | None:
    """As it was when the run began: a run that goes on does not rewrite it. None for one that begins."""
    if not (folder / FILE).is_file():
        return None
    try:
        said: dict[str, Any] = read_json(folder / FILE)["estimate"]
    except (CutawayError, KeyError):
        return None  # torn by a crash, or of an earlier version
    return said
