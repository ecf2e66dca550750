"""`python -m app`: opens the window."""

from __future__ import annotations

import sys


def main() -> int:
    # An installed bundle has one program: the window starts it again as the engine for a run of its own process.
    if len(sys.argv) > 1 and sys.argv[1] == "engine":
        from engine.cli import main as engine_main

        return int(engine_main(sys.argv[2:]) or 0)
    from app.application import run_window

    return run_window(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
