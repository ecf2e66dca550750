"""A disk that is really full, and one that is really read-only: a run waits with a sentence, and loses nothing.

Both are file systems of their own, mounted for the test; that needs Linux and root.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cli import main
from engine.control import Control
from engine.errors import CutawayError
from engine.events import CheckpointSaved, Event, Failed, HealthAlarm, RunState, StateChanged, StepMetrics
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.checkpoint import list_checkpoints, verify_checkpoint
from engine.store.run_folder import RunFolder
from engine.store.workspace import open_workspace

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat.\n" * 60
DISK_BYTES = 40 * 2**20
# Less than the reserve that a checkpoint wants, more than anything else needs.
NEARLY_FULL_BYTES = 6 * 2**20

needs_mount = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="mounting needs Linux and root"
)
pytestmark = needs_mount


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def recipe(tmp_path: Path, request: pytest.FixtureRequest) -> Recipe:
    """A tiny one; a test's parameter changes settings of its training."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    pretrain = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 64, "dropout": 0.1}
    pretrain |= {"steps": 16, "checkpoint_every": 4, "evaluate_every": 8, "sample_every": 16, "sample_tokens": 3}
    pretrain |= getattr(request, "param", {})
    stages = {
        "corpus": {"paths": [str(text)]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail"},
        "pretrain": pretrain,
    }
    return recipe_from_json({"name": "tiny", "description": "", "stages": stages})


@pytest.fixture
def undisturbed(recipe: Recipe, tmp_path: Path) -> dict[int, float]:
    """The losses of the same run on a disk with room."""
    run = RecipeRun.create(open_workspace(tmp_path / "roomy"), recipe)
    return losses(list(work(run, Control())))


class Ballast:
    """Fills a disk up to some free bytes, and gives the room back."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._path = disk / "ballast"

    def fill(self, leave: int) -> None:
        free = os.statvfs(self._disk).f_bavail * os.statvfs(self._disk).f_frsize
        with self._path.open("ab", buffering=0) as stream:
            left = free - leave
            while left > 0 and (written := self._write(stream.fileno(), min(left, 2**20))):
                left -= written

    @staticmethod
    def _write(descriptor: int, count: int) -> int:
        try:
            return os.write(descriptor, bytes(count))
        except OSError:
            return 0

    def give_back(self) -> None:
        self._path.unlink()


def work(run: RecipeRun, control: Control) -> Iterator[Event]:
    return run.work(control, device="cpu", threads=1)


def losses(events: list[Event]) -> dict[int, float]:
    return {event.step: event.loss for event in events if isinstance(event, StepMetrics)}


def after_the_first_checkpoint(
    run: RecipeRun, control: Control, do: Callable[[], None], on_alarm: Callable[[], None]
) -> list[Event]:
    """Drives the run; `do` is called once it has saved, `on_alarm` when it has paused itself."""
    events: list[Event] = []
    for event in work(run, control):
        events.append(event)
        if isinstance(event, StepMetrics) and event.step == 4:
            control.checkpoint()
        if isinstance(event, CheckpointSaved) and event.step == 4:
            do()
        if isinstance(event, StateChanged) and event.state == "paused":
            assert control.paused and any(isinstance(earlier, HealthAlarm) for earlier in events)
            on_alarm()
    return events


def all_whole(folder: RunFolder) -> list[str]:
    found = list_checkpoints(folder.checkpoints)
    for path in found:
        verify_checkpoint(path)
    return [path.name for path in found]


def recorded(folder: RunFolder) -> dict[int, float]:
    """From the disk; every line must be whole, and no step may be missing or doubled."""
    lines = [json.loads(line) for line in folder.events_path.read_text().splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "StepMetrics"]
    assert steps == list(range(1, len(steps) + 1))
    return losses(list(folder.all_events()))


def test_no_room_for_a_checkpoint_pauses_and_goes_on_when_there_is(
    disk: Path, recipe: Recipe, undisturbed: dict[int, float]
) -> None:
    run = RecipeRun.create(open_workspace(disk / "workspace"), recipe)
    ballast, control, folder = Ballast(disk), Control(), run.stage_folders()[-1]
    kept: list[list[str]] = []

    def make_room() -> None:
        kept.append(all_whole(folder))
        ballast.give_back()
        control.resume()

    events = after_the_first_checkpoint(run, control, lambda: ballast.fill(NEARLY_FULL_BYTES), make_room)
    (alarm,) = (event for event in events if isinstance(event, HealthAlarm))
    assert alarm.cause == "disk" and "not enough space" in alarm.what and "MB are free" in alarm.why
    assert alarm.step == 8 and alarm.remedy.endswith("Then resume.")
    assert kept == [["step-000004"]]
    assert run.status().state is RunState.DONE
    assert all_whole(folder) == ["step-000008", "step-000012", "step-000016"]
    assert recorded(folder) == undisturbed
    states = [event.state for event in folder.all_events() if isinstance(event, StateChanged)]
    assert states == ["running", "paused", "running", "done"]


# Long enough after its first checkpoint for the events to need another page of the disk.
@pytest.mark.parametrize("recipe", [{"steps": 40, "checkpoint_every": 40}], indirect=True)
def test_not_a_byte_left_pauses_and_goes_on_when_there_is(
    disk: Path, recipe: Recipe, undisturbed: dict[int, float]
) -> None:
    run = RecipeRun.create(open_workspace(disk / "workspace"), recipe)
    ballast, control, folder = Ballast(disk), Control(), run.stage_folders()[-1]

    def make_room() -> None:
        assert all_whole(folder)[0] == "step-000004"
        ballast.give_back()
        control.resume()

    events = after_the_first_checkpoint(run, control, lambda: ballast.fill(0), make_room)
    alarms = [event for event in events if isinstance(event, HealthAlarm)]
    assert alarms and all(alarm.cause == "disk" and "could not be written" in alarm.what for alarm in alarms)
    assert "disk is full" in alarms[0].why
    told = [event.state for event in events if isinstance(event, StateChanged)][-4:]
    assert told == ["running", "paused", "running", "done"]  # the window hears of it though the disk cannot
    assert run.status().state is RunState.DONE
    assert recorded(folder) == undisturbed


def test_stop_on_a_full_disk_ends_in_words_and_the_run_can_be_resumed(
    disk: Path, recipe: Recipe, undisturbed: dict[int, float]
) -> None:
    run = RecipeRun.create(open_workspace(disk / "workspace"), recipe)
    ballast, control, folder = Ballast(disk), Control(), run.stage_folders()[-1]
    events = after_the_first_checkpoint(run, control, lambda: ballast.fill(0), control.stop)
    failed = next(event for event in events if isinstance(event, Failed))
    assert "disk is full" in failed.why and "Free some space" in failed.remedy
    assert run.status().state is RunState.FAILED and "disk is full" in run.status().message
    assert all_whole(folder) == ["step-000004"]
    ballast.give_back()
    list(work(run, Control()))
    assert run.status().state is RunState.DONE
    assert losses(list(folder.all_events())) == undisturbed


def test_a_full_disk_before_the_start_is_a_sentence_and_leaves_nothing(disk: Path, recipe: Recipe) -> None:
    workspace = open_workspace(disk / "workspace")
    ballast = Ballast(disk)
    ballast.fill(0)
    with pytest.raises(CutawayError, match="disk is full"):
        RecipeRun.create(workspace, recipe)
    assert list(workspace.runs.iterdir()) == []
    ballast.give_back()
    list(work(RecipeRun.create(workspace, recipe), Control()))
    assert [RecipeRun.open(workspace, folder).status().state for folder in workspace.run_folders()] == [RunState.DONE]


def test_a_disk_that_fills_while_an_artifact_is_written_leaves_no_half_of_it(disk: Path, tmp_path: Path) -> None:
    """A world larger than the disk, told on the command line."""
    home = disk / "workspace"
    command = ["run", "first-words", "--set", "world.documents=2000000", "--workspace", str(home), "--threads", "1"]
    workspace = open_workspace(home)
    Ballast(disk).fill(NEARLY_FULL_BYTES)
    assert main(command) == 1
    assert list((home / "corpora").iterdir()) == []
    (folder,) = workspace.run_folders()
    failed = next(e for e in RecipeRun.open(workspace, folder).stage_folder(0).all_events() if isinstance(e, Failed))
    assert "could not be written" in failed.what and "disk is full" in failed.why and not failed.details


def test_a_disk_that_turns_read_only_under_a_run_pauses_it(
    disk: Path, recipe: Recipe, undisturbed: dict[int, float]
) -> None:
    """As Linux does with a disk that reports errors."""
    run = RecipeRun.create(open_workspace(disk / "workspace"), recipe)
    control, folder = Control(), run.stage_folders()[-1]

    def remount(mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)

    def mend() -> None:
        assert all_whole(folder) == ["step-000004"]
        remount("rw")
        control.resume()

    events = after_the_first_checkpoint(run, control, lambda: remount("ro"), mend)
    alarm = next(event for event in events if isinstance(event, HealthAlarm))
    assert "read-only" in alarm.why and alarm.remedy
    assert run.status().state is RunState.DONE
    assert recorded(folder) == undisturbed


def test_a_read_only_disk_under_a_run_that_is_stopped_raises_no_traceback(disk: Path, recipe: Recipe) -> None:
    """Nothing can be written, not even that it ended: whoever drives is told, and later it can be resumed."""
    run = RecipeRun.create(open_workspace(disk / "workspace"), recipe)
    control = Control()

    def turn(mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)

    events = after_the_first_checkpoint(run, control, lambda: turn("ro"), control.stop)
    failed = next(event for event in events if isinstance(event, Failed))
    assert "read-only" in failed.why
    turn("rw")
    list(work(run, Control()))
    assert run.status().state is RunState.DONE
