"""`cutaway window`: opens the window in a process of its own, because the engine knows no screen."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace

from engine.commands._places import add_workspace
from engine.store.workspace import WORKSPACE_VARIABLE

HELP = "open the window"


def configure(parser: ArgumentParser) -> None:
    add_workspace(parser)


def run(arguments: Namespace) -> int:
    environment = dict(os.environ)
    if arguments.workspace:
        environment[WORKSPACE_VARIABLE] = str(arguments.workspace.expanduser().resolve())
    return subprocess.run([sys.executable, "-m", "app"], env=environment, check=False).returncode
