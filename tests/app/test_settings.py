"""What was chosen is found again; a foreign value on disk is a default, never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QByteArray

from app.jobs.settings import Settings


@pytest.fixture
def path(qapp: Any, tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


def test_everything_is_kept(path: Path, tmp_path: Path) -> None:
    first = Settings(path)
    first.theme, first.device, first.threads, first.reduce_motion = "dark", "cpu", 3, True
    first.workspace, first.window_geometry = tmp_path / "here", QByteArray(b"\x00\x01geometry")
    assert first.save()
    second = Settings(path)
    assert (second.theme, second.device, second.threads, second.reduce_motion) == ("dark", "cpu", 3, True)
    assert second.workspace == tmp_path / "here"
    assert second.window_geometry == QByteArray(b"\x00\x01geometry")


def test_changed_names_what_took_a_new_value(path: Path) -> None:
    settings = Settings(path)
    told: list[str] = []
    settings.changed.connect(told.append)
    settings.theme = "dark"
    settings.theme = "dark"
    settings.threads = 2
    settings.workspace = path.parent / "elsewhere"
    assert told == ["theme", "threads", "workspace"]


def test_a_foreign_file_reads_as_defaults(path: Path) -> None:
    path.write_text("[General]\ntheme=purple\nthreads=many\nreduce_motion=maybe\nwindow_geometry=3\n")
    settings = Settings(path)
    assert (settings.theme, settings.threads, settings.reduce_motion) == ("system", 0, False)
    assert settings.window_geometry == QByteArray()


def test_an_impossible_value_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="theme"):
        Settings(path).theme = "purple"


def test_an_unwritable_settings_file_is_said(tmp_path: Path, qapp: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings = Settings(blocked / "settings.ini")
    settings.threads = 2
    assert not settings.save()
