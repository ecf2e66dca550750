"""SIGKILL at random moments: every listed checkpoint loads, and the losses are those of a run that was left alone.

The baseline is the same recipe, uninterrupted, in the same benchmark. Every step that was ever recorded, by any of
the killed processes, is compared bit for bit.

python -m tests.benchmarks.kill_resume [--quick]
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import CutawayError
from engine.events import Resumed, RunState, StepMetrics
from engine.launch.local import RecipeRun
from engine.store.checkpoint import list_checkpoints, load_checkpoint
from engine.store.run_folder import RunFolder
from engine.store.workspace import open_workspace
from tests.benchmarks.report import Report, arguments

SETTINGS = [
    *("world.people=20", "world.documents=600", "train_tokenizer.vocab_size=512"),
    *("pretrain.steps=400", "pretrain.batch_tokens=1024", "pretrain.micro_rows=4", "pretrain.dropout=0.1"),
    *("pretrain.checkpoint_every=7", "pretrain.evaluate_every=50", "pretrain.sample_every=50"),
]


def begin(workspace: Path, run: Path | None) -> subprocess.Popen[bytes]:
    command = ["resume", str(run)] if run else ["run", "first-words"]
    changes = [] if run else [part for change in SETTINGS for part in ("--set", change)]
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *command, *changes, "--workspace", str(workspace)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def the_run(workspace: Path) -> RecipeRun:
    opened = open_workspace(workspace)
    return RecipeRun.open(opened, opened.run_folders()[0])


def steps(folder: RunFolder) -> Iterator[tuple[int, float]]:
    return ((event.step, event.loss) for event in folder.all_events() if isinstance(event, StepMetrics))


def wait_for_training(process: subprocess.Popen[bytes], workspace: Path, beyond: int) -> bool:
    """True once more steps are recorded than before; False when the run ended first."""
    while process.poll() is None:
        if any((workspace / "runs").glob("*/recipe.json")):
            folder = the_run(workspace).stage_folders()[-1]
            if folder.events_path.exists() and sum(1 for _ in steps(folder)) > beyond:
                return True
        time.sleep(0.05)
    return False


def broken_checkpoints(folder: RunFolder) -> int:
    broken = 0
    for checkpoint in list_checkpoints(folder.checkpoints):
        try:
            load_checkpoint(checkpoint, ("model", "optimizer", "random"))
        except CutawayError as error:
            print(error, file=sys.stderr)
            broken += 1
    return broken


def kill_again_and_again(workspace: Path, kills: int) -> tuple[int, int]:
    """How often it was really killed in training, and how many listed checkpoints did not load."""
    dice, killed, broken, run = random.Random(7), 0, 0, None
    while killed < kills:
        process = begin(workspace, run)
        recorded = sum(1 for _ in steps(the_run(workspace).stage_folders()[-1])) if run else 0
        if not wait_for_training(process, workspace, recorded):
            break
        time.sleep(dice.uniform(0.0, 1.2))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
        run = the_run(workspace).folder
        broken += broken_checkpoints(the_run(workspace).stage_folders()[-1])
    process = begin(workspace, run)
    process.wait()
    return killed, broken


def main() -> None:
    options = arguments(__doc__ or "")
    report = Report("kill_resume")
    kills = 5 if options.quick else 20
    with tempfile.TemporaryDirectory() as left_alone, tempfile.TemporaryDirectory() as killed_one:
        begin(Path(left_alone), None).wait()
        reference = dict(steps(the_run(Path(left_alone)).stage_folders()[-1]))
        killed, broken = kill_again_and_again(Path(killed_one), kills)
        run = the_run(Path(killed_one))
        folder = run.stage_folders()[-1]
        recorded = list(steps(folder))
        different = sum(1 for step, loss in recorded if reference.get(step) != loss)
        resumed = [event.step for event in folder.all_events() if isinstance(event, Resumed)]
        print(json.dumps({"resumed at": resumed}), file=sys.stderr)
        report.add("SIGKILLs while training", killed, "kills", f">= {kills}")
        report.add("listed checkpoints that do not load", broken, "checkpoints", "<= 0")
        report.add("recorded steps that differ from the run left alone", different, "steps", "<= 0")
        report.add("steps compared", len(recorded), "steps")
        report.add("baseline: steps of the run left alone", len(reference), "steps")
        report.add("steps missing at the end", len(set(reference) - {step for step, _ in recorded}), "steps", "<= 0")
        report.add("ended as done", float(run.status().state is RunState.DONE), "share", ">= 1")
    report.end()


if __name__ == "__main__":
    main()
