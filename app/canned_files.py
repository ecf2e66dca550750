"""The files of a run that `app.canned` tells: record, events and status, as the engine writes them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from engine.events import Event, RunState, encode
from engine.store.files import write_json
from engine.store.run_folder import RunFolder, RunRecord, Status

_TITLES = {
    "world": "World",
    "corpus": "Corpus",
    "train_tokenizer": "Tokenizer",
    "tokenize": "Tokenize",
    "pretrain": "Pretrain",
    "conversations": "Conversations",
    "sft": "Fine-tune",
}


def write_record(run: RunFolder, stage: str, config: dict[str, Any], began: datetime) -> None:
    record = RunRecord(
        stage=stage,
        title=_TITLES[stage],
        config=config,
        parents={},
        seed=1,
        began=began.isoformat(timespec="seconds"),
        environment={"device": "cpu", "dtype": "bfloat16", "threads": 2},
    )
    write_json(run.path / "run.json", asdict(record), durable=False)


def write_events(run: RunFolder, events: Sequence[Event]) -> None:
    # One write, not one for each of thousands of events: this must stay quick enough for every page's tests.
    run.events_path.write_text("".join(encode(event) + "\n" for event in events), encoding="utf-8")


def write_status(run: RunFolder, state: RunState, step: int, seconds: float, at: datetime, live: bool) -> None:
    """live: of this process; a run that is over, or died, names another."""
    if live and not state.is_final:
        run.write_status(state, step, seconds)
        return
    # A run that died says "running" and names a process that is gone: this one's id with another beginning.
    claimed = RunState.RUNNING if state is RunState.DIED else state
    beat = (at + timedelta(seconds=seconds)).timestamp()
    status = Status(claimed, step, seconds, "", os.getpid(), 1.0, socket.gethostname(), beat)
    write_json(run.path / "status.json", asdict(status), durable=False)
