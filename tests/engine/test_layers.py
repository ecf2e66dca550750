"""The rules of the house, checked by the tool that knows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.registry import Registry

ROOT = Path(__file__).parents[2]


def test_no_room_imports_a_higher_one_and_the_engine_knows_no_screen() -> None:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_page_has_its_help() -> None:
    missing = [name for name in Registry("app.pages").names() if not (ROOT / f"resources/help/{name}.md").is_file()]
    assert not missing


def test_no_model_file_is_ever_unpickled() -> None:
    words = ("torch.load(", "import pickle", "pickle.load", "shell=True", "trust_remote_code=True")
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in words), path
