"""The bootstrap: what it refuses, when it has nothing to do, and that every dependency is pinned."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as imported from a copy of the project's packaging folder, so that no real .venv is touched."""
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "packaging"))
    for name in ("bootstrap", "qt_libraries"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import bootstrap as module

    yield module
    for name in ("bootstrap", "qt_libraries"):
        sys.modules.pop(name, None)


def pins() -> dict[str, str]:
    lines = (ROOT / "packaging" / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_dependency_has_an_exact_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = pins()
    for text in project["dependencies"] + project["optional-dependencies"]["test"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), text


def test_torch_has_no_build_of_one_platform() -> None:
    assert pins()["torch"] == "2.13.0"


def test_no_registry_is_named() -> None:
    for path in (ROOT / "packaging").rglob("*.*"):
        if path.suffix in (".py", ".txt"):
            assert not re.search(r"https?://|--(extra-)?index-url|--find-links", path.read_text()), path


def test_packaging_stays_a_plain_folder() -> None:
    """With an __init__.py it would hide PyPA's package of the same name from everything run in the project's root."""
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize("arguments", [[], ["start"], ["--frobnicate"]])
def test_a_wrong_subcommand_prints_the_usage(arguments: list[str]) -> None:
    program = [sys.executable, str(ROOT / "packaging" / "bootstrap.py")]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "bootstrap.py run" in done.stderr and not done.stdout


def test_an_old_python_is_refused_in_words(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert bootstrap.main(["run"]) == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_a_stamp_is_void_once_the_wanted_versions_change(bootstrap: ModuleType) -> None:
    bootstrap.python().parent.mkdir(parents=True)
    bootstrap.python().touch()
    assert not bootstrap.is_stamped("")
    bootstrap.stamp("test").write_text(bootstrap.fingerprint())
    assert bootstrap.is_stamped("test") and bootstrap.is_stamped("")
    with bootstrap.CONSTRAINTS.open("a") as stream:
        stream.write("something==1\n")
    assert not bootstrap.is_stamped("test") and not bootstrap.is_stamped("")


def test_running_does_not_promise_that_tests_can_run(bootstrap: ModuleType) -> None:
    bootstrap.python().parent.mkdir(parents=True)
    bootstrap.python().touch()
    bootstrap.stamp("").write_text(bootstrap.fingerprint())
    assert bootstrap.is_stamped("") and not bootstrap.is_stamped("test")


def test_a_venv_that_was_interrupted_is_not_taken_for_one(bootstrap: ModuleType) -> None:
    bootstrap.python().parent.mkdir(parents=True)
    bootstrap.python().write_text("not a program")
    assert not bootstrap.venv_works()


def test_missing_libraries_come_with_the_command_that_installs_them(bootstrap: ModuleType) -> None:
    libraries = sys.modules["qt_libraries"]
    command = libraries.install_command(["libxcb-cursor.so.0", "libEGL.so.1"])
    assert "libxcb-cursor" in command
    assert not libraries._loads("libthere-is-none.so.7")


def test_the_command_of_ci_is_the_bootstrap() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert "python3 packaging/bootstrap.py test" in text
