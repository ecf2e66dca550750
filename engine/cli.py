"""`cutaway`: the same work without a window. Each verb is a file in `engine/commands/`.

Exit codes: 0 done; 1 something went wrong, told in three lines (what, why, what to do); 2 wrong usage; 130 stopped
with Ctrl-C.
"""

from __future__ import annotations

import io
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from engine import __version__
from engine.commands._driving import INTERRUPTED
from engine.commands._output import note, note_error
from engine.errors import CutawayError
from engine.registry import Registry

COMMANDS = Registry("engine.commands", requires=("HELP", "configure", "run"))
# As a person meets them; a command that is not named here comes after.
_ORDER = ("run", "resume", "generate", "chat", "recall", "import", "export", "info", "window")


def main(arguments: Sequence[str] | None = None) -> int:
    _write_any_text()
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return int(COMMANDS.load(parsed.command).run(parsed))
    except CutawayError as error:
        note_error(error)
        return 1
    except KeyboardInterrupt:
        note("Aborted. What was saved before is intact.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us went away, as `| head` does; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="cutaway",
        description="Build a language model on your own machine, and see inside it while it works.",
        epilog="Begin with: cutaway run first-words",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cutaway {__version__}")
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND")
    names = COMMANDS.names()
    for name in [*(n for n in _ORDER if n in names), *(n for n in names if n not in _ORDER)]:
        command = COMMANDS.load(name)
        command.configure(verbs.add_parser(name, help=command.HELP, description=command.__doc__))
    return parser


def _write_any_text() -> None:
    """A model may write any character, and a console may not know it: it shows as "?" instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
