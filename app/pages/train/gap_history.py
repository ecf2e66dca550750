"""How large the train and validation gap became in earlier runs: what dropout and weight decay really did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CutawayError
from engine.events import Resumed, Validation, decode
from engine.store.files import read_json
from engine.store.workspace import Workspace

DIALS = ("dropout", "weight_decay")
_TAIL_BYTES = 512 * 1024
_MOST_RUNS = 60
_FINISHED_SHARE = 0.9


@dataclass(frozen=True)
class PastGap:
    """The last gap of a run, in nats per token, and the two dials that it was trained with."""

    name: str
    dropout: float
    weight_decay: float
    gap: float
    step: int


def comparable_gaps(workspace: Workspace, plan: dict[str, Any], besides: Path | None) -> list[PastGap]:
    """Newest first: the gaps of runs with the same model, text and number of steps, so that only the dials differ.

    plan: of the run at hand. besides: its folder, left out. Reads the end of each run's events: not for the GUI thread.
    """
    found = []
    for folder in workspace.run_folders()[:_MOST_RUNS]:
        past = _gap_of(folder, plan) if folder != besides else None
        if past is not None:
            found.append(past)
    return found


def _gap_of(folder: Path, plan: dict[str, Any]) -> PastGap | None:
    run = next(folder.glob("*-pretrain"), None)
    if run is None or not (run / "plan.json").is_file():
        return None
    try:
        other = read_json(run / "plan.json")
        if _recognisable(other) != _recognisable(plan):
            return None
        last = last_validation(run / "events.jsonl")
        if last is None or last.step < _FINISHED_SHARE * other["training"]["steps"]:
            return None
        dropout, weight_decay = other["model"]["dropout"], other["training"]["weight_decay"]
    except (CutawayError, KeyError, TypeError, OSError):
        return None  # made by another version, or just being written: it cannot be compared
    return PastGap(folder.name, dropout, weight_decay, last.loss - last.train_loss, last.step)


def _recognisable(plan: dict[str, Any]) -> tuple[Any, ...]:
    """What must be equal for two gaps to be comparable."""
    model = {key: value for key, value in plan["model"].items() if key != "dropout"}
    return model, plan["training"]["steps"], plan["tokens"], plan["train_tokens"]


def last_validation(events: Path) -> Validation | None:
    """The last one that is not void, looked for in the end of the file."""
    last: Validation | None = None
    for event in _tail(events):
        if isinstance(event, Validation):
            last = event
        elif isinstance(event, Resumed) and last is not None and last.step > event.step:
            last = None
    return last


def _tail(events: Path) -> Iterator[Any]:
    with events.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - _TAIL_BYTES, 0))
        if size > _TAIL_BYTES:
            stream.readline()
        for line in stream:
            if b'"Validation"' in line or b'"Resumed"' in line:
                try:
                    yield decode(line.decode("utf-8"))
                except ValueError:
                    continue  # torn by a crash
