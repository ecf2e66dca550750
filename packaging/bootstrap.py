"""From a fresh clone to the window, or to the tests, in one command. Needs nothing but Python 3.11 and pip.

    python3 packaging/bootstrap.py run          prepare, then open the window
    python3 packaging/bootstrap.py test         prepare, then run the tests (arguments go to pytest; --all: slow ones)
    python3 packaging/bootstrap.py lint         prepare, then check style, types and the rooms' order

Preparing makes .venv beside this project and installs the versions in packaging/constraints.txt, once: a stamp
in .venv tells the next call that there is nothing to do. Nothing is installed outside .venv, except Qt's system
libraries on Debian and Ubuntu when called as root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import qt_libraries

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
OLDEST_PYTHON = (3, 11)


class BootstrapError(Exception):
    """Ends the program with these words and exit code 1."""


def main(arguments: list[str]) -> int:
    commands = {"run": run, "test": test, "lint": lint}
    if not arguments or arguments[0] not in commands:
        asked_for_help = bool(arguments) and arguments[0] in ("-h", "--help", "help")
        print(__doc__, file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    try:
        refuse_old_python()
        return commands[arguments[0]](arguments[1:])
    except BootstrapError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: list[str]) -> int:
    prepare(extra="")
    if not has_screen() and "QT_QPA_PLATFORM" not in os.environ:
        raise BootstrapError(
            "Everything is installed, but there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the "
            f"window cannot open.\nWithout a window: {script('cutaway')} run first-words"
        )
    return start([str(python()), "-m", "app", *arguments])


def test(arguments: list[str]) -> int:
    prepare(extra="test")
    environment = {} if has_screen() else {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    # A later -m replaces the one in pyproject.toml that leaves slow tests out.
    passed_on = [part for word in arguments for part in (["-m", ""] if word == "--all" else [word])]
    return start([str(python()), "-m", "pytest", *passed_on], environment)


def lint(arguments: list[str]) -> int:
    prepare(extra="test")
    checks = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["lint-imports"]]
    codes = [start([str(script(check[0])), *check[1:], *arguments]) for check in checks]
    return max(codes)


def start(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Runs a command in the project's folder and gives its exit code; Ctrl-C is the command's own business."""
    sys.stdout.flush()
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # it reached the child as well, which may have something to save


def has_screen() -> bool:
    return not sys.platform.startswith("linux") or any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY"))


def python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def script(name: str) -> Path:
    return VENV / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def refuse_old_python() -> None:
    if sys.version_info >= OLDEST_PYTHON:
        return
    newer = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if answers(name)]
    remedy = (
        f"Here is one: {shutil.which(newer[0])} packaging/bootstrap.py run" if newer else "Get one from python.org."
    )
    raise BootstrapError(
        f"Cutaway needs Python 3.11 or newer, and this is {sys.version.split()[0]} ({sys.executable}).\n{remedy}"
    )


def answers(name: str) -> bool:
    """Whether a command is there and works: version managers leave names on the path that start nothing."""
    found = shutil.which(name)
    return found is not None and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0


def prepare(extra: str) -> None:
    """Leaves Qt's libraries on the system and a .venv that holds what is pinned; quick when both are there."""
    provide_qt_libraries()
    if not is_stamped(extra):
        make_venv()
        install_project(extra)


def fingerprint() -> str:
    """Changes when the wanted versions, the Python or the place of the project change (a venv cannot be moved)."""
    parts = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def stamp(extra: str) -> Path:
    return VENV / f"cutaway-{extra or 'run'}.stamp"


def is_stamped(extra: str) -> bool:
    """The test extra holds everything that running needs, so its stamp is good for both."""
    stamps = [stamp("test")] if extra == "test" else [stamp(""), stamp("test")]
    wanted = fingerprint()
    return python().exists() and any(path.is_file() and path.read_text() == wanted for path in stamps)


def make_venv() -> None:
    if venv_works():
        return
    print(f"Making {VENV} with Python {sys.version.split()[0]} ...", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if importlib.util.find_spec("ensurepip"):
        done = subprocess.run(command, check=False).returncode == 0
    else:
        done = lend_pip(command)
    if not done or not venv_works():
        raise BootstrapError(
            f"The virtual environment {VENV} could not be made.\n"
            "The lines above say why; a full disk, or a folder that may not be written, are the usual reasons.\n"
            "Then run the same command again."
        )


def lend_pip(command: list[str]) -> bool:
    """Debian keeps the part of venv that brings pip in python3-venv; the system's pip, if there is one, can do it."""
    if importlib.util.find_spec("pip") is None:
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        if not (qt_libraries.can_install() and qt_libraries.install([f"python{minor}-venv"])):
            raise BootstrapError(
                "This Python has neither pip nor the part of venv that brings it.\n"
                f"Install it (on Debian and Ubuntu: sudo apt-get install python{minor}-venv), then run the same "
                "command again."
            )
        return subprocess.run(command, check=False).returncode == 0
    if subprocess.run([*command, "--without-pip"], check=False).returncode:
        return False
    into = [sys.executable, "-m", "pip", "--python", str(python()), "install", "--disable-pip-version-check", "pip"]
    return subprocess.run(into, check=False).returncode == 0


def venv_works() -> bool:
    """False for none, for one that was interrupted half-way and for one whose Python is gone or too old."""
    if not python().exists():
        return False
    question = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        return subprocess.run([str(python()), "-c", question], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install_project(extra: str) -> None:
    print("Installing what Cutaway needs; this takes some minutes, once ...", flush=True)
    project = f".[{extra}]" if extra else "."
    pip = [str(python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "-c", str(CONSTRAINTS), "-e", project]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise BootstrapError(
            "pip could not install what Cutaway needs.\n"
            "Its last lines above say why: no connection, a full disk, or a Python that PyTorch does not support yet.\n"
            "Nothing is lost; run the same command again once that is mended."
        )
    for path in {stamp(""), stamp(extra)}:
        path.write_text(fingerprint())


def provide_qt_libraries() -> None:
    missing = qt_libraries.missing()
    if missing and qt_libraries.can_install():
        print(f"Installing {len(missing)} system libraries for Qt ...", flush=True)
        qt_libraries.install(qt_libraries.packages_for(missing))
        missing = qt_libraries.missing()
    if not missing:
        return
    words = f"Qt needs system libraries that are not here: {', '.join(missing)}.\n"
    words += f"To get them: {qt_libraries.install_command(missing)}"
    if any(name in qt_libraries.ESSENTIAL for name in missing):
        raise BootstrapError(f"{words}\nThen run the same command again.")
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
