"""Two processes on one workspace: one run is driven by one of them, and equal work is not done twice over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.application import EXIT_IN_USE
from app.jobs.desk import Desk
from engine.control import post
from engine.events import ArtifactReady, StepMetrics
from engine.launch.local import RecipeRun
from engine.store.checkpoint import list_checkpoints, verify_checkpoint
from engine.store.workspace import Workspace

ROOT = Path(__file__).parents[2]
STAGES = """
name = "{name}"
[world]
people = 12
documents = 3000
[train_tokenizer]
kind = "character"
[tokenize]
[pretrain]
depth = 1
d_model = 16
n_head = 2
context_length = 16
batch_tokens = 64
steps = {steps}
checkpoint_every = 50
sample_tokens = 3
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(workspace: Workspace, tmp_path: Path) -> Iterator[Start]:
    """start(module, *arguments) -> `python -m module ... --workspace W`; whatever still runs at the end is killed."""
    begun: list[subprocess.Popen[str]] = []
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def begin(module: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", module, *arguments, "--workspace", str(workspace.root)]
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def recipe(folder: Path, name: str, steps: int) -> str:
    path = folder / f"{name}.toml"
    path.write_text(STAGES.format(name=name, steps=steps))
    return str(path)


def runs(workspace: Workspace) -> list[RecipeRun]:
    return [RecipeRun.open(workspace, folder) for folder in workspace.run_folders()]


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def trains(workspace: Workspace) -> bool:
    """Whether its first run has told of a step."""
    found = runs(workspace)
    return bool(found) and any(isinstance(e, StepMetrics) for e in found[0].stage_folders()[-1].all_events())


@pytest.mark.timeout(120)
def test_a_second_process_is_refused_the_run_and_the_first_goes_on(
    workspace: Workspace, start: Start, tmp_path: Path
) -> None:
    first = start("engine", "run", recipe(tmp_path, "long", 1_000_000), "--threads", "1")
    wait_until(lambda: trains(workspace))
    (run,) = runs(workspace)
    second = start("engine", "resume", str(run.folder), "--threads", "1")
    told, errors = second.communicate(timeout=60)
    assert second.returncode == 1 and not told and "Traceback" not in errors
    assert "already running" in errors and f"Process {first.pid}" in errors and "stop it first" in errors
    post(run.control_folder, "stop")  # what the second was told to do works from anywhere
    told, errors = first.communicate(timeout=60)
    assert json.loads(told)["state"] == "stopped" and "Traceback" not in errors
    training = run.stage_folders()[-1]
    steps = [event.step for event in training.all_events() if isinstance(event, StepMetrics)]
    assert steps == list(range(1, len(steps) + 1))
    verify_checkpoint(list_checkpoints(training.checkpoints)[-1])


@pytest.mark.timeout(120)
def test_equal_recipes_at_the_same_time_make_each_artifact_once(
    workspace: Workspace, start: Start, tmp_path: Path
) -> None:
    one = recipe(tmp_path, "same", 5)
    both = [start("engine", "run", one, "--threads", "1") for _ in range(2)]
    for process in both:
        told, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        assert json.loads(told)["state"] == "done"
    made = [
        {e.kind: e.folder for folder in run.stage_folders()[:-1] for e in folder.all_events() if is_ready(e)}
        for run in runs(workspace)
    ]
    assert len(made) == 2 and made[0] == made[1]
    for kind in ("corpora", "tokenizers", "shards"):
        assert len(list((workspace.root / kind).iterdir())) == 1  # and no half-written one beside it


def is_ready(event: object) -> bool:
    return isinstance(event, ArtifactReady)


@pytest.mark.timeout(120)
def test_a_window_shows_and_steers_the_run_of_another_process(
    workspace: Workspace, desk: Desk, start: Start, tmp_path: Path, qtbot: QtBot
) -> None:
    process = start("engine", "run", recipe(tmp_path, "long", 1_000_000), "--threads", "1")
    qtbot.waitUntil(lambda: trains(workspace), timeout=60_000)
    (run,) = runs(workspace)
    desk.jobs.adopt(run)
    assert desk.jobs.current is not None and desk.jobs.current.detached and not desk.jobs.busy
    qtbot.waitUntil(lambda: len(desk.feed.history("pretrain")) > 20, timeout=20_000)
    own = desk.jobs.start(run.recipe)
    assert [job.run for job in desk.jobs.waiting] == [own]  # one at a time on the device
    desk.jobs.remove(desk.jobs.waiting[0])
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=30_000)
    told, _ = process.communicate(timeout=30)
    assert json.loads(told)["state"] == "stopped"


@pytest.mark.timeout(120)
def test_the_command_line_works_beside_a_window_and_a_second_window_does_not(
    workspace: Workspace, start: Start, tmp_path: Path
) -> None:
    window = start("app")
    wait_until(lambda: (workspace.root / ".window.lock").exists())
    second = start("app")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == EXIT_IN_USE and "Traceback" not in errors
    sentences = errors.strip().splitlines()[-1]
    assert "open in another window" in sentences and str(window.pid) in sentences and "close it first" in sentences
    beside = start("engine", "run", recipe(tmp_path, "short", 5), "--threads", "1")
    told, errors = beside.communicate(timeout=60)
    assert beside.returncode == 0, errors
    assert json.loads(told)["state"] == "done"
    assert window.poll() is None
