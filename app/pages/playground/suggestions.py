"""Beginnings or questions that one can try while nothing is written yet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme.type import S
from app.widgets.buttons import Button
from app.widgets.label import Label


class Suggestions(QWidget):
    """chosen(text). Hidden while there are none, or while they are not `wanted`."""

    chosen = Signal(str)

    def __init__(self, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tooltip = tooltip
        self._filled = self._wanted = False
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(S)
        self.hide()

    def offer(self, texts: Sequence[str]) -> None:
        while self._row.count():
            item = self._row.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.deleteLater()
        self._row.addWidget(Label("Try", "muted", 11))
        for text in texts:
            button = Button(text, small=True, tooltip=self._tooltip)
            button.clicked.connect(lambda _=False, text=text: self.chosen.emit(text))
            self._row.addWidget(button)
        self._row.addStretch(1)
        self._filled = bool(texts)
        self.want(self._wanted)

    def want(self, wanted: bool) -> None:
        self._wanted = wanted
        self.setVisible(wanted and self._filled)
