"""Pictures of the real window, and what the window may not import before it can be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

import app.main_window
import app.pages
from app import preview
from app.theme import motion, stylesheet
from app.theme.palette import DARK, LIGHT, Palette

TOY_PAGES = Path(__file__).with_name("toy_pages")
ROOT = Path(__file__).resolve().parents[2]

START = """
import sys
from pathlib import Path
from PySide6.QtCore import QEvent, QObject
from app import application
from app.jobs.desk import make_desk
from app.jobs.settings import Settings
from app.main_window import MainWindow
from engine.store.workspace import open_workspace

class FirstPaint(QObject):
    heavy = None
    def eventFilter(self, watched, event):
        if event.type() is QEvent.Type.Paint and self.heavy is None:
            FirstPaint.heavy = [name for name in ("torch", "numpy", "pyqtgraph", "tokenizers") if name in sys.modules]
        return False

app = application.make_application()
settings = Settings(Path(sys.argv[1]) / "settings.ini")
application.Dress(app, settings, "dark")
window = MainWindow(make_desk(settings, open_workspace(Path(sys.argv[1]) / "workspace")))
watch = FirstPaint()
window.installEventFilter(watch)
window.show_page("home")
window.show()
while watch.heavy is None:
    app.processEvents()
print(watch.heavy)
"""


@pytest.fixture(autouse=True)
def in_motion_again() -> Iterator[None]:
    yield
    motion.set_reduced(False)


def test_the_window_is_painted_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(("theme", "state"), [(LIGHT, "empty"), (DARK, "running")], ids=["light", "dark"])
def test_a_page_is_rendered_and_always_the_same(
    theme: Palette, state: str, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.pages, "__path__", [str(TOY_PAGES)])
    motion.set_reduced(True)
    stylesheet.apply(qapp, theme)
    pictures = []
    for name in ("first", "second"):
        out = tmp_path / f"{name}.png"
        assert preview.render("toy_train", QSize(1280, 800), out, tmp_path / name, state)
        pictures.append(QImage(str(out)))
    assert pictures[0].size() == QSize(1280, 800)
    assert pictures[0] == pictures[1]
    assert pictures[0].pixelColor(40, 600).name() == theme.surface.lower()


def test_a_place_that_cannot_be_written_is_said(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.pages, "__path__", [str(TOY_PAGES)])
    out = tmp_path / "no such folder" / "a.png"
    assert preview.main(["toy_home", "--theme", "dark", "--out", str(out), "--state", "empty"]) == 1


@pytest.mark.parametrize("size", ["wide", "0x", "1440"])
def test_a_size_that_is_none_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        preview.main(["home", "--size", size, "--out", "a.png"])
    assert "1440x900" in capsys.readouterr().err
