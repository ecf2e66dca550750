"""The same requests, from this process and from another one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.control import Control, post


def wait_for(control: Control, name: str) -> bool:
    end = time.monotonic() + 2
    while time.monotonic() < end and not getattr(control, name):
        time.sleep(0.01)
    return bool(getattr(control, name))


def test_verbs() -> None:
    control = Control()
    control.pause()
    assert control.paused
    control.resume()
    assert not control.paused
    control.checkpoint()
    assert control.take_checkpoint_request() and not control.take_checkpoint_request()
    control.scale_learning_rate(0.5)
    control.scale_learning_rate(-1.0)  # refused: outside its range
    assert control.learning_rate_scale == 0.5


def test_stop_ends_a_pause() -> None:
    control = Control()
    control.pause()
    control.stop()
    assert control.stopping and not control.paused


def test_requests_reach_another_process_as_files(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    post(tmp_path / "control", "pause")
    assert wait_for(control, "paused")
    post(tmp_path / "control", "resume")
    post(tmp_path / "control", "learning_rate_scale", 0.25)
    time.sleep(0.06)
    assert not control.paused and control.learning_rate_scale == 0.25
    post(tmp_path / "control", "stop")
    assert wait_for(control, "stopping")
    assert not list((tmp_path / "control").glob("*.json"))


def test_a_foreign_file_steers_nothing_and_goes(tmp_path: Path) -> None:
    control = Control(tmp_path)
    for name, text in {"a.json": "{", "b.json": "[1]", "c.json": '{"request": "explode"}'}.items():
        (tmp_path / name).write_text(text)
    assert not control.stopping
    assert not list(tmp_path.glob("*.json"))


def test_an_unknown_request_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dance"):
        post(tmp_path, "dance")
