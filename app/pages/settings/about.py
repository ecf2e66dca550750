"""Which versions are at work, as a report would need them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QGridLayout

from app.jobs.desk import Desk
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine import __version__

_PACKAGES = {"torch": "torch", "Qt": "PySide6-Essentials", "tokenizers": "tokenizers"}


def facts(settings_file: Path) -> list[tuple[str, str]]:
    """Read from the packages' notes: none of them is imported for it."""
    found = [("Cutaway", __version__), ("Python", platform.python_version())]
    for name, package in _PACKAGES.items():
        try:
            found.append((name, version(package)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return [*found, ("System", platform.platform(terse=True)), ("Settings file", str(settings_file))]


class AboutPanel(Panel):
    def __init__(self, desk: Desk) -> None:
        super().__init__("About", margins=(20, 16, 20, 16))
        self._desk = desk
        log = Button("Show log", small=True, tooltip="What went wrong, for a report")
        copy = Button("Copy", small=True, tooltip="Copy these lines")
        log.clicked.connect(self._show_log)
        copy.clicked.connect(self._copy)
        self.add_control(log)
        self.add_control(copy)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(facts(desk.settings.path)):
            grid.addWidget(Label(name, "muted"), row, 0)
            grid.addWidget(Label(value, wrap=True), row, 1)
        self.body.addLayout(grid)

    def _show_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._desk.workspace.root / "logs")))

    def _copy(self) -> None:
        text = "\n".join(f"{name}: {value}" for name, value in facts(self._desk.settings.path))
        QGuiApplication.clipboard().setText(text)
        self._desk.bus.notice.emit("ok", "Copied.")
