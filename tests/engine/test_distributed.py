"""Several processes train as one: the same losses, whoever is lost, and whatever number goes on. gloo on a CPU."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.cli import main
from engine.control import Control, post
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    ControlApplied,
    Event,
    Failed,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Tick,
    Validation,
)
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.store.checkpoint import list_checkpoints
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace, open_workspace
from engine.training.ranks import turns

dist = pytest.importorskip("torch.distributed")
pytestmark = pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="torch without gloo")

ROOT = Path(__file__).resolve().parents[2]
TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
# Five micro-batches a step: two processes cannot share them evenly, three neither.
TINY = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 160, "micro_rows": 2}
TINY |= {"steps": 12, "evaluate_every": 5, "sample_every": 6, "checkpoint_every": 4, "sample_tokens": 4}
TINY |= {"precision": "float32", "dropout": 0.1}
ENOUGH = 10**6
LEFT = "left-by-a-crash"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("distributed")
    (root / "text.txt").write_text(TEXT)
    return open_workspace(root / "workspace")


def begin(home: Workspace, name: str, **changes: object) -> RecipeRun:
    stages = {
        "corpus": {"paths": [str(home.root.parent / "text.txt")]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail", "validation_share": 0.1},
        "pretrain": {**TINY, **changes},
    }
    return RecipeRun.create(home, recipe_from_json({"name": name, "description": "", "stages": stages}))


def work(run: RecipeRun, processes: int) -> Iterator[Event]:
    return run.work(Control(run.control_folder), device="cpu", threads=1, processes=processes)


def training(run: RecipeRun) -> RunFolder:
    return run.stage_folder(3)


def losses(run: RecipeRun) -> dict[int, float]:
    return {event.step: event.loss for event in training(run).all_events() if isinstance(event, StepMetrics)}


def log_of(run: RecipeRun) -> str:
    return (run.folder / "processes.log").read_text(errors="replace")


def ranks(run: RecipeRun) -> dict[int, psutil.Process]:
    """The processes that train this run now, by rank."""
    found = {}
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if "engine.launch._rank" in command and str(run.folder) in command[-1]:
                found[int(process.environ()["RANK"])] = process
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def alone(home: Workspace) -> RecipeRun:
    run = begin(home, "alone")
    list(work(run, 1))
    return run


@pytest.fixture(scope="module")
def pair(home: Workspace) -> RecipeRun:
    """Two processes. A copy of what a crash after step 4 would have left lies beside it."""
    run = begin(home, "pair")
    for event in work(run, 2):
        if isinstance(event, CheckpointSaved) and event.step == 4:
            shutil.copytree(run.folder, home.runs / LEFT, ignore=shutil.ignore_patterns(".*"))
    assert training(run).status().state is RunState.DONE, log_of(run)
    return run


@pytest.mark.parametrize(("count", "size"), [(1, 1), (5, 1), (4, 2), (5, 2), (1, 3), (7, 3)])
def test_every_micro_batch_is_computed_once_and_all_take_as_many_turns(count: int, size: int) -> None:
    shares = [list(turns(count, rank, size)) for rank in range(size)]
    counted = [turn.micro for share in shares for turn in share if turn.counts]
    assert sorted(counted) == list(range(count))
    assert {len(share) for share in shares} == {-(-count // size)}
    assert all([turn.last for turn in share] == [False] * (len(share) - 1) + [True] for share in shares)
    assert all(turn.micro < count for share in shares for turn in share)
    assert all(turn.micro % size == rank for rank, share in enumerate(shares) for turn in share if turn.counts)


def test_two_processes_do_what_one_does_with_twice_the_accumulation(alone: RecipeRun, pair: RecipeRun) -> None:
    expected, found = losses(alone), losses(pair)
    assert list(found) == list(expected) and max(abs(found[step] - expected[step]) for step in expected) < 1e-6


def test_the_run_folder_looks_as_if_one_process_had_worked(alone: RecipeRun, pair: RecipeRun) -> None:
    for kind in (Validation, TextSample):
        steps = [[e.step for e in training(run).all_events() if isinstance(e, kind)] for run in (alone, pair)]
        assert steps[0] == steps[1]
    texts = [[e.text for e in training(run).all_events() if isinstance(e, TextSample)] for run in (alone, pair)]
    assert texts[0] == texts[1]
    names = [[path.name for path in list_checkpoints(training(run).checkpoints)] for run in (alone, pair)]
    assert names[0] == names[1] == ["step-000004", "step-000008", "step-000012"]
    (ready,) = [event for event in training(pair).all_events() if isinstance(event, ArtifactReady)]
    assert ready.figures["steps"] == 12
    plan = json.loads((training(pair).path / "plan.json").read_text())
    assert plan["processes"] == 2 and plan["threads"] == 1


@pytest.mark.parametrize("processes", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_what_two_saved_goes_on_with_another_number(
    home: Workspace, alone: RecipeRun, pair: RecipeRun, processes: int
) -> None:
    folder = home.runs / f"pair-then-{processes}"
    shutil.copytree(home.runs / LEFT, folder)
    run = RecipeRun.open(home, folder)
    list(work(run, processes))
    assert training(run).status().state is RunState.DONE
    assert [event.step for event in training(run).all_events() if isinstance(event, Resumed)] == [4]
    expected, found = losses(alone), losses(run)
    assert list(found) == list(expected) and max(abs(found[step] - expected[step]) for step in expected) < 1e-6


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="processes are killed with a signal")
def test_a_killed_process_costs_a_restart_from_the_last_checkpoint(home: Workspace) -> None:
    """Process 1 is killed; all begin again, say so, and end with the losses of a run that was left alone."""
    settings = {"steps": 300, "checkpoint_every": 50, "evaluate_every": ENOUGH, "sample_every": ENOUGH}
    whole, broken = begin(home, "whole", **settings), begin(home, "broken", **settings)
    list(work(whole, 2))
    killed = False
    for event in work(broken, 2):
        if isinstance(event, CheckpointSaved) and not killed:
            ranks(broken)[1].kill()
            killed = True
    assert training(broken).status().state is RunState.DONE, log_of(broken)
    events = list(training(broken).all_events())
    told = [event for event in events if isinstance(event, Notice) and event.level == "warning"]
    resumed = [event.step for event in events if isinstance(event, Resumed)]
    assert len(told) == 1 and "A process was lost, so all 2 were started again" in told[0].text
    assert len(resumed) == 1 and 50 <= resumed[0] < 300
    assert not [event for event in events if isinstance(event, Failed)]
    assert losses(broken) == losses(whole)


@pytest.mark.skipif(os.name == "nt", reason="processes are killed with a signal")
def test_wishes_reach_all_and_nobody_is_left_when_the_starter_is_killed(home: Workspace) -> None:
    """Pause, learning rate and checkpoint through the run's folder; then a kill of the command line."""
    run = begin(home, "steered", steps=ENOUGH, checkpoint_every=ENOUGH, evaluate_every=ENOUGH, sample_every=ENOUGH)
    command = [sys.executable, "-m", "engine", "resume", str(run.folder), "--workspace", str(home.root)]
    with subprocess.Popen(
        [*command, "--processes", "2", "--threads", "1"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as starter:
        follow = Follow(run)
        follow.until(StepMetrics)
        assert len(ranks(run)) == 2
        post(run.control_folder, "learning_rate_scale", 0.5)
        assert follow.until(ControlApplied).value == 0.5
        post(run.control_folder, "checkpoint")
        assert follow.until(CheckpointSaved).step > 0
        post(run.control_folder, "pause")
        while follow.until(StateChanged).state != RunState.PAUSED:
            pass
        left = [*ranks(run).values(), psutil.Process(training(run).status().pid)]
        sockets = [socket for process in left for socket in process.net_connections("inet")]
        listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
        assert listening and listening <= {"127.0.0.1", "::1"}  # nothing is open to other machines
        starter.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(left, timeout=60)
    assert not alive
    assert training(run).status().state is RunState.STOPPED
    assert list_checkpoints(training(run).checkpoints)


class Follow:
    """Reads what a run tells as it comes."""

    def __init__(self, run: RecipeRun) -> None:
        self._run = run
        self._offset = 0
        self._waiting: list[Event] = []

    def until(self, kind: type[Event]) -> Event:
        while True:
            while self._waiting:
                event = self._waiting.pop(0)
                assert not isinstance(event, Failed), f"{event.what} {event.why}\n{log_of(self._run)}"
                if isinstance(event, kind):
                    return event
            self._waiting, self._offset = training(self._run).read_events(self._offset)
            time.sleep(0.02)


def test_what_breaks_in_another_process_is_told_in_words(home: Workspace) -> None:
    """A text that is gone is noticed by all, and by the first as its own failure; nothing hangs, nobody is left."""
    run = begin(home, "broken-plan", context_length=10_000, batch_tokens=10_000)
    events = [event for event in work(run, 2) if not isinstance(event, Tick)]
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert "context is longer than the corpus" in failed.what
    assert training(run).status().state is RunState.FAILED and not ranks(run)


@pytest.mark.slow
def test_shared_weights_train_and_save_as_whole_ones(home: Workspace) -> None:
    """FSDP: the losses of one process; its checkpoints are whole, so that one process goes on with them, or two."""
    whole, shares = begin(home, "unshared", dropout=0.0), begin(home, "shared", dropout=0.0, shard=True)
    list(work(whole, 1))
    for event in work(shares, 2):
        if isinstance(event, CheckpointSaved) and event.step == 4:
            for name in ("then-alone", "then-shared"):
                shutil.copytree(shares.folder, home.runs / name, ignore=shutil.ignore_patterns(".*"))
    assert training(shares).status().state is RunState.DONE, log_of(shares)
    then_alone, then_shared = (RecipeRun.open(home, home.runs / name) for name in ("then-alone", "then-shared"))
    list(work(then_alone, 1))
    list(work(then_shared, 2))
    for run in (shares, then_alone, then_shared):
        assert list(losses(run)) == list(losses(whole))
        assert max(abs(losses(run)[step] - loss) for step, loss in losses(whole).items()) < 1e-6
    held_out = [[e.loss for e in training(run).all_events() if isinstance(e, Validation)] for run in (whole, shares)]
    assert held_out[0] == pytest.approx(held_out[1], abs=1e-6)
    assert not [event for event in training(shares).all_events() if isinstance(event, TextSample)]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_torchrun_by_hand_is_the_same_and_ctrl_c_saves(home: Workspace, tmp_path: Path) -> None:
    """`torchrun -m engine run`: all stages by the first process, the last one by both."""
    recipe = tmp_path / "tiny.toml"
    settings = {**TINY, "steps": ENOUGH, "evaluate_every": ENOUGH, "checkpoint_every": ENOUGH, "sample_every": ENOUGH}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    recipe.write_text(
        f'name = "hand"\n[corpus]\npaths = ["{(home.root.parent / "text.txt").as_posix()}"]\n[train_tokenizer]\n'
        'kind = "character"\n[tokenize]\nsplit = "tail"\nvalidation_share = 0.1\n[pretrain]\n' + "\n".join(lines)
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "engine", "run", str(recipe), "--workspace", str(home.root), "--device", "cpu"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while not (found := list(home.runs.glob("hand-*/recipe.json"))):
            time.sleep(0.1)
        run = RecipeRun.open(home, found[0].parent)
        Follow(run).until(StepMetrics)
        process.send_signal(signal.SIGINT)
        summary = json.loads(process.communicate()[0])
    assert summary["state"] == "stopped" and list_checkpoints(training(run).checkpoints)
    assert json.loads((training(run).path / "plan.json").read_text())["processes"] == 2


@pytest.mark.parametrize("count", ["0", "-1", "65", "two"])
def test_a_senseless_number_of_processes_is_wrong_usage(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "first-words", "--processes", count])
    assert ended.value.code == 2 and "--processes" in capsys.readouterr().err
