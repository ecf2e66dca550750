"""One setting: its name, one plain line, its control, and what is in effect."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.theme.type import L, S
from app.widgets.label import Hairline, Label


class Row(QWidget):
    """words: what the setting does. `effect` is a line below that says what holds now, hidden while empty."""

    def __init__(self, name: str, words: str, *controls: QWidget, first: bool = False) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(L)
        if not first:
            outer.addWidget(Hairline())
        grid = QGridLayout()
        grid.setHorizontalSpacing(L)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        grid.addWidget(Label(name, weight=500), 0, 0)
        grid.addWidget(Label(words, "muted", wrap=True), 1, 0)
        self._effect = Label(size=11, role="muted", wrap=True)
        self._effect.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(self._effect, 2, 0, 1, 1 + len(controls))
        for column, control in enumerate(controls, start=1):
            grid.addWidget(control, 0, column, 2, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if not control.accessibleName():
                control.setAccessibleName(name)
        outer.addLayout(grid)
        outer.addSpacing(S)
        self.set_effect("")

    def set_effect(self, text: str, role: str = "muted") -> None:
        self._effect.setText(text)
        self._effect.set_role(role)
        self._effect.setVisible(bool(text))
