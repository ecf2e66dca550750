"""`python -m app.preview PAGE --theme light|dark --size 1440x900 --out FILE.png [--state NAME]`

A picture of the whole real window on a canned workspace: nothing is trained and nothing is shown on a screen. The
same arguments give the same picture, except for what the calendar says.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSize, QTimer
from PySide6.QtWidgets import QApplication

from app.jobs.event_feed import EventFeed
from app.theme import motion, stylesheet
from app.theme.palette import DARK, LIGHT
from engine.registry import Registry

_MEMORY = 0.78e9
_DEADLINE_SECONDS = 6.0
_QUIET_SECONDS = 0.6
_LAST_SECONDS = 0.25  # what a page stands in with is laid out, and the inspector follows it


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication(["cutaway-preview"])
    assert isinstance(app, QApplication)
    motion.set_reduced(True)
    stylesheet.apply(app, DARK if arguments.theme == "dark" else LIGHT)
    with tempfile.TemporaryDirectory(prefix="cutaway-preview-") as folder:
        saved = render(arguments.page, arguments.size, arguments.out, Path(folder), arguments.state)
    if not saved:
        sys.stderr.write(f"{arguments.out} could not be written.\n")
    return 0 if saved else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    from app.canned import STATES

    registry = Registry("app.pages")
    pages = registry.names()
    own = [state for name in pages for state in getattr(registry.load(name), "PREVIEWS", {})]
    parser = argparse.ArgumentParser(prog="python -m app.preview", description="Renders a page to a picture.")
    parser.add_argument("page", choices=pages)
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--size", type=_size, default=QSize(1440, 900), metavar="WxH")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--state", choices=(*STATES, *own), default="running")
    return parser.parse_args(argv)


def _size(text: str) -> QSize:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError("write it as 1440x900")
    return QSize(int(width), int(height))


def render(page: str, size: QSize, out: Path, folder: Path, state: str = "running") -> bool:
    """Builds the window on a workspace below `folder`, lets it settle and grabs it. False when `out` cannot be
    written. The theme is the application's. A page's module may name states of its own in PREVIEWS, each with the
    canned run that it stands on: "done", or with its story "first-assistant:done"."""
    from app import canned
    from app.jobs.desk import make_desk
    from app.jobs.settings import Settings
    from app.main_window import MainWindow

    module = Registry("app.pages").load(page)
    story, _, told_state = getattr(module, "PREVIEWS", {}).get(state, state).rpartition(":")
    told = canned.build(
        folder / "workspace",
        told_state,
        story or getattr(module, "CANNED", "first-words"),
    )
    settings = Settings(folder / "settings.ini")
    settings.reduce_motion = True
    desk = make_desk(settings, told.workspace)
    desk.open()
    try:
        window = MainWindow(desk)
        window.resize(size)
        desk.feed.follow(told.folder)
        shown = window.show_page(page)
        window.show()
        _settle(desk.feed)
        # A page may stand in for what only a live model could have answered; nothing else ever calls this.
        rehearse = getattr(window.modules[page], "rehearse", None)
        if rehearse is not None:
            rehearse(shown, state)
        window.status.hide_measures()
        window.status.set_memory(_MEMORY)
        if shown is not None:
            shown.setFocus()
        _spin(_LAST_SECONDS)
        saved = window.grab().save(str(out))
        window.deleteLater()
    finally:
        desk.close()
    return saved


def _settle(feed: EventFeed) -> None:
    """Runs the event loop until the run has told everything and nothing new came for a while."""
    last = [time.monotonic()]
    feed.events.connect(lambda *_: last.__setitem__(0, time.monotonic()))
    deadline = last[0] + _DEADLINE_SECONDS
    _spin(_QUIET_SECONDS)
    while time.monotonic() < min(deadline, last[0] + _QUIET_SECONDS):
        _spin(0.05)


def _spin(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
