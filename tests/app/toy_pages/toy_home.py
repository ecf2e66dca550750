"""A page off the road, with an action of its own."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QVBoxLayout

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.widgets.buttons import Button

TITLE = "Toy home"
ICON = "ph.house"
ORDER = 10
STAGES = ()
SHORTCUT = "Ctrl+1"


class ToyHome(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.opened: list[Any] = []
        self.ran = 0
        self.log: list[str] = []
        self.line = QLineEdit()
        layout = QVBoxLayout(self)
        layout.addWidget(self.line)
        self.button = Button("Press me", "primary")
        action = QAction("Count the toys", self)
        action.setShortcut("Ctrl+T")
        action.triggered.connect(self.count)
        self.addAction(action)

    def count(self) -> None:
        self.ran += 1

    def header_right(self) -> list[Button]:
        return [self.button]

    def shown(self) -> None:
        self.log.append("shown")

    def hidden(self) -> None:
        self.log.append("hidden")

    def open(self, argument: Any) -> None:
        self.opened.append(argument)


def build(desk: Desk) -> PageWidget:
    return ToyHome(desk)
