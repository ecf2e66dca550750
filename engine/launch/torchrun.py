"""One stage in several processes of this machine, from a process that itself trains nothing.

A child runs torch's elastic agent (what `torchrun` runs), which starts the processes and starts them again when one is
lost. What they tell is read back from the run folder; wishes reach them through the run's `control/`. A pipe ties the
child to this process: when this one is gone, however it went, the child stops the run, which saves, and ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import CutawayError
from engine.events import Event, RunState, Tick
from engine.pipeline.drive import Recorder
from engine.pipeline.stage import Context

LOG = "processes.log"
MOST_PROCESSES = 64
_LOOK_SECONDS = 0.02
_END_SECONDS = 45.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Share:
    """What a process must know to take part in a stage. run, workspace: folders. index: of the stage."""

    run: str
    workspace: str
    index: int
    device: str
    threads: int
    seed: int


def is_follower() -> bool:
    """Whether torchrun started this process, and another beside it is the first."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"


def is_leader() -> bool:
    """Whether torchrun started this process as the first of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK") == "0"


def drive_many(share: Share, processes: int, context: Context) -> Iterator[Event]:
    """What `drive` yields, from the run folder that the processes write. Closing it stops them, which saves."""
    if context.control.stopping:
        return
    recorder, folder = Recorder(context), context.run_folder
    folder.begin_writing()
    yield from recorder.enter(RunState.STARTING, f"Starting {processes} processes")
    offset = folder.events_path.stat().st_size
    with context.control.handed_over():
        child = _start(share, processes)
        try:
            while True:
                ended = child.poll() is not None
                events, offset = folder.read_events(offset)
                yield from events
                if ended and not events:
                    break
                if not events:
                    time.sleep(_LOOK_SECONDS)
                    yield Tick()
        finally:
            _end(child)
    if not folder.status().state.is_final or folder.status().state is RunState.DIED:
        yield from recorder.fail(_broke_off(processes, Path(share.run) / LOG))


def _start(share: Share, processes: int) -> subprocess.Popen[bytes]:
    if getattr(sys, "frozen", False):
        raise CutawayError(
            "This bundle trains in one process only.",
            "Several need a Python to start them with, and a bundle brings none.",
            "Set the number of processes to 1, or install Cutaway with pip.",
        )
    command = [sys.executable, "-m", "engine.launch._agent", str(processes), json.dumps(asdict(share))]
    with (Path(share.run) / LOG).open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=_ROOT,
            start_new_session=os.name != "nt",  # a terminal's Ctrl-C is for this process, which passes it on as a wish
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    """The closed pipe asks it to stop; it is given time to save."""
    assert child.stdin is not None
    child.stdin.close()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _broke_off(processes: int, log: Path) -> CutawayError:
    words = log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""
    return CutawayError(
        f"Training in {processes} processes broke off.",
        "They were started, and could not go on even after starting again.",
        "What was saved is intact: resume the run, in one process if this happens again.",
        words,
    )
