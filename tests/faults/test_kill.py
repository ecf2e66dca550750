"""SIGKILL while a real run works: what is listed loads, and going on equals never having been killed, bit for bit.

Three kills here; twenty at random moments are `python -m tests.benchmarks.kill_resume`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.application import begin_after_paint
from app.jobs.desk import make_desk
from app.jobs.settings import Settings
from app.main_window import MainWindow
from app.widgets.choice_dialog import ChoiceDialog
from engine.control import Control
from engine.events import Resumed, RunState, StepMetrics
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe
from engine.store.checkpoint import list_checkpoints, load_checkpoint
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace, open_workspace

ROOT = Path(__file__).parents[2]
STEPS = 240
RECIPE = f"""
name = "tiny"

[corpus]
paths = ["{{text}}"]

[train_tokenizer]
kind = "character"

[tokenize]
split = "tail"

[pretrain]
depth = 1
d_model = 32
n_head = 2
context_length = 16
batch_tokens = 128
micro_rows = 4
dropout = 0.1
steps = {STEPS}
checkpoint_every = 7
evaluate_every = 100
sample_every = 100
sample_tokens = 3
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    text = folder / "text.txt"
    text.write_text("The owl and the pussy-cat went to sea in a beautiful pea-green boat.\n" * 60)
    (folder / "tiny.toml").write_text(RECIPE.format(text=text.as_posix()))
    return folder / "tiny.toml"


@pytest.fixture(scope="module")
def left_alone(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The training of the same recipe that nobody killed."""
    run = RecipeRun.create(open_workspace(tmp_path_factory.mktemp("alone")), load_recipe(str(recipe)))
    for _ in run.work(Control(), device="cpu", threads=1):
        pass
    return run.stage_folders()[-1]


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `cutaway VERB WHAT` on the workspace; whatever still runs at the end is killed."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(verb: str, what: Path, *changes: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "engine", verb, str(what), "--workspace", str(workspace.root)]
        command += ["--threads", "1", "--device", "cpu", *(part for change in changes for part in ("--set", change))]
        quiet = subprocess.DEVNULL
        begun.append(subprocess.Popen(command, cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()


def kill_when(process: subprocess.Popen[bytes], moment: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not moment():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.wait()


def the_run(workspace: Workspace) -> RecipeRun:
    return RecipeRun.open(workspace, workspace.run_folders()[0])


def recorded(folder: RunFolder) -> list[tuple[int, float]]:
    return [(event.step, event.loss) for event in folder.all_events() if isinstance(event, StepMetrics)]


def all_load(folder: RunFolder) -> bool:
    """Every checkpoint that is listed; there may be none yet."""
    for checkpoint in list_checkpoints(folder.checkpoints):
        load_checkpoint(checkpoint, ("model", "optimizer", "random"))
    return True


def weights_of(folder: RunFolder) -> bytes:
    return (list_checkpoints(folder.checkpoints)[-1] / "model.safetensors").read_bytes()


@pytest.mark.timeout(180)
def test_a_run_that_was_killed_again_and_again_equals_one_that_was_not(
    recipe: Path, left_alone: RunFolder, workspace: Workspace, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    def training() -> RunFolder:
        return the_run(workspace).stage_folders()[-1]

    def in_training(beyond: int) -> bool:
        return bool(workspace.run_folders()) and len(recorded(training())) > beyond

    process = start("run", recipe)
    kill_when(process, lambda: in_training(0) and bool(list_checkpoints(training().checkpoints)))
    assert training().status().state is RunState.DIED and all_load(training())

    before = len(recorded(training()))
    process = start("resume", the_run(workspace).folder)
    kill_when(process, lambda: len(recorded(training())) > before and any(training().checkpoints.glob(".tmp-*")))
    assert training().status().state is RunState.DIED and all_load(training())

    for _ in the_run(workspace).work(Control(), device="cpu", threads=1):
        pass
    reference = dict(recorded(left_alone))
    assert all(reference[step] == loss for step, loss in recorded(training()))  # also what is void now
    assert sorted({step for step, _ in recorded(training())}) == list(range(1, STEPS + 1))
    assert weights_of(training()) == weights_of(left_alone)
    resumed = [event.step for event in training().all_events() if isinstance(event, Resumed)]
    assert len(resumed) == 2 and 0 < resumed[0] <= resumed[1]
    assert not list(training().checkpoints.glob(".*"))  # nothing half-written stays


@pytest.mark.timeout(120)
def test_a_kill_while_an_artifact_is_written_leaves_nothing_of_it_for_long(
    workspace: Workspace, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    recipe = tmp_path / "world.toml"
    recipe.write_text('name = "world"\n[world]\npeople = 20\ndocuments = 20000\n')
    corpora = workspace.root / "corpora"
    process = start("run", recipe)
    kill_when(process, lambda: any(path.stat().st_size for path in corpora.glob(".tmp-*/documents.jsonl")))
    assert not list(corpora.glob("[!.]*"))
    for _ in the_run(workspace).work(Control()):
        pass
    assert the_run(workspace).status().state is RunState.DONE
    assert [path.name[:6] for path in corpora.iterdir()] == ["world-"]


@pytest.mark.timeout(120)
def test_the_next_window_offers_the_run_that_died_and_it_goes_on(
    recipe: Path,
    left_alone: RunFolder,
    workspace: Workspace,
    start: Callable[..., subprocess.Popen[bytes]],
    settings: Settings,
    qtbot: QtBot,
) -> None:
    process = start("run", recipe)
    kill_when(process, lambda: any(workspace.runs.glob("*/4-pretrain/checkpoints/step-*")))
    settings.threads = 1
    desk = make_desk(settings, workspace)
    window = MainWindow(desk)
    try:
        said = press("resume")
        begin_after_paint(window, desk)
        window.show_page("home")
        window.show()
        qtbot.waitUntil(lambda: the_run(workspace).status().state is RunState.DONE, timeout=60_000)
        qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=10_000)
    finally:
        shiboken6.delete(window)
        desk.close()
    assert "tiny did not end as it should" in said[0]
    training = the_run(workspace).stage_folders()[-1]
    assert dict(recorded(training)) == dict(recorded(left_alone))
    assert weights_of(training) == weights_of(left_alone)


def press(key: str) -> list[str]:
    """Presses a button of the dialog that is about to open; the list then holds what the dialog said."""
    said: list[str] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ChoiceDialog):
            QTimer.singleShot(20, look)
            return
        said.append(" ".join(label.text() for label in dialog.findChildren(QWidget) if hasattr(label, "text")))
        button = dialog.findChild(QWidget, key)
        assert button is not None
        button.click()  # type: ignore[attr-defined]

    QTimer.singleShot(0, look)
    return said
