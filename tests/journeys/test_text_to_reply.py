"""From raw text to a reply, through the window: what a person does in the first five minutes, on a toy world."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.jobs.desk import Desk
from app.jobs.query import LIVE, EngineSide, Source
from app.main_window import MainWindow
from engine.events import ArtifactReady, RunState, StateChanged, StepMetrics
from engine.generation.decoder import generate
from engine.generation.sampling import SamplingConfig
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe
from engine.store.checkpoint import list_checkpoints
from engine.store.workspace import open_workspace

ROOT = Path(__file__).parents[2]
TOY = {
    "world.people": 12,
    "world.documents": 200,
    "train_tokenizer.vocab_size": 300,
    "pretrain.depth": 1,
    "pretrain.d_model": 32,
    "pretrain.n_head": 2,
    "pretrain.context_length": 64,
    "pretrain.batch_tokens": 256,
    "pretrain.steps": 60,
    "pretrain.sample_tokens": 8,
}


def writes(source: Source, words: int = 5) -> Any:
    def query(side: EngineSide) -> Iterator[object]:
        yield from generate(side.model(source), "Mira Toll was born in", SamplingConfig(temperature=0.0), words)

    return query


def fingerprint(run: RecipeRun) -> dict[str, str]:
    """Hashes of what every stage made, and of the last weights."""
    found = {}
    for folder in run.stage_folders():
        ready = [event for event in folder.all_events() if isinstance(event, ArtifactReady)][-1]
        if ready.kind != "model":
            manifest = json.loads((run.workspace.root / ready.folder / "manifest.json").read_text())
            found[ready.kind] = json.dumps(manifest["files"], sort_keys=True)
    weights = list_checkpoints(run.stage_folders()[-1].checkpoints)[-1] / "model.safetensors"
    return {**found, "weights": hashlib.sha256(weights.read_bytes()).hexdigest()}


@pytest.fixture
def window(desk: Desk, qtbot: Any) -> MainWindow:
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show_page("home")
    window.show()
    return window


@pytest.mark.timeout(180)
def test_from_raw_text_to_a_reply(window: MainWindow, desk: Desk, qtbot: Any, tmp_path: Path) -> None:
    run = desk.jobs.start(load_recipe("first-words", {**TOY, "pretrain.steps": 100_000}))
    training = run.stage_folders()[-1]

    # While it trains: every page can be looked at, and the model answers between two steps.
    qtbot.waitUntil(lambda: training.status().step > 5, timeout=60_000)
    for page in ("train", "playground", "runs", "settings", "tokenizer", "home"):
        window.show_page(page)
        qtbot.wait(60)
    heard: list[Any] = []
    desk.engine.ask(writes(LIVE), heard.append)
    qtbot.waitUntil(lambda: len(heard) == 5, timeout=20_000)
    assert all(0 < token.probability <= 1 and token.candidates for token in heard)
    qtbot.waitUntil(lambda: bool(desk.feed.history("pretrain")), timeout=20_000)

    # Pause holds it, going on lets it go, Stop keeps what was learned.
    desk.jobs.pause()
    qtbot.waitUntil(lambda: training.status().state is RunState.PAUSED, timeout=10_000)
    held = training.status().step
    qtbot.wait(200)
    assert training.status().step == held
    desk.jobs.go_on()
    qtbot.waitUntil(lambda: training.status().step > held, timeout=20_000)
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=20_000)
    assert training.status().state is RunState.STOPPED
    kept = list_checkpoints(training.checkpoints)[-1]

    # It can be resumed where it was, and what it knows can be asked from the disk.
    desk.jobs.resume(run)
    qtbot.waitUntil(lambda: training.status().step > int(kept.name[5:]) + 3, timeout=60_000)
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=20_000)
    steps = [event.step for event in training.all_events() if isinstance(event, StepMetrics)]
    assert steps == list(range(1, len(steps) + 1))
    replies: list[Any] = []
    errors: list[Any] = []
    desk.engine.ask(writes(run.folder), replies.append, on_error=errors.append)
    qtbot.waitUntil(lambda: len(replies) == 5 or bool(errors), timeout=20_000)
    assert not errors
    qtbot.waitUntil(lambda: [s.name for s in desk.runs.summaries] == ["first-words"], timeout=10_000)


@pytest.mark.timeout(180)
def test_the_window_and_the_command_line_make_the_same(
    window: MainWindow, desk: Desk, qtbot: Any, tmp_path: Path
) -> None:
    run = desk.jobs.start(load_recipe("first-words", TOY))
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=90_000)
    other = tmp_path / "other"
    sets = [part for key, value in TOY.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "engine", "run", "first-words", "--workspace", str(other), *sets]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    states = [e.state for e in run.stage_folders()[-1].all_events() if isinstance(e, StateChanged)]
    assert states[-1] == "done"
    told = json.loads(done.stdout.splitlines()[-1])
    assert fingerprint(RecipeRun.open(open_workspace(other), Path(told["run"]))) == fingerprint(run)
