"""The window starts several processes, steers them, and its pages read what they tell as they read everything."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.jobs.query import LIVE, EngineSide
from engine.events import CheckpointSaved, ControlApplied, RunState, StepMetrics
from engine.launch.recipe import recipe_from_json

dist = pytest.importorskip("torch.distributed")
pytestmark = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available() or os.name == "nt", reason="torch without gloo"
)

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
SETTINGS = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 96, "micro_rows": 2}
SETTINGS |= {"steps": 10**6, "evaluate_every": 10**6, "sample_every": 10**6, "checkpoint_every": 10**6}
PATIENCE_MS = 60_000


def test_pause_checkpoint_and_stop_reach_processes_that_the_window_started(
    desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    tables = {
        "corpus": {"paths": [str(tmp_path / "text.txt")]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail", "validation_share": 0.1},
        "pretrain": SETTINGS,
    }
    desk.settings.processes, desk.settings.threads, desk.settings.device = 2, 1, "cpu"
    run = desk.jobs.start(recipe_from_json({"name": "shared", "description": "", "stages": tables}))

    def told(kind: type) -> bool:
        return any(isinstance(event, kind) for event in desk.feed.history("pretrain"))

    qtbot.waitUntil(lambda: told(StepMetrics), timeout=PATIENCE_MS)
    started = [child for child in psutil.Process().children(recursive=True) if "engine.launch._rank" in child.cmdline()]
    assert len(started) == 2
    desk.jobs.pause()
    qtbot.waitUntil(lambda: desk.jobs.current is not None and desk.jobs.current.state is RunState.PAUSED, timeout=9000)
    desk.jobs.scale_learning_rate(0.5)
    desk.jobs.go_on()
    qtbot.waitUntil(lambda: told(ControlApplied), timeout=PATIENCE_MS)
    desk.jobs.checkpoint()
    qtbot.waitUntil(lambda: told(CheckpointSaved), timeout=PATIENCE_MS)
    steps: list[object] = []
    desk.engine.ask(lambda side: iter([newest_step(side)]), steps.append)
    qtbot.waitUntil(lambda: bool(steps), timeout=PATIENCE_MS)
    assert steps[0] == next(e.step for e in desk.feed.history("pretrain") if isinstance(e, CheckpointSaved))
    desk.jobs.stop()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=PATIENCE_MS)
    assert run.status().state is RunState.STOPPED
    assert not [process for process in started if process.is_running()]


def newest_step(side: EngineSide) -> int:
    """Whoever asks for the live model gets what was saved last."""
    return side.model(LIVE).step
