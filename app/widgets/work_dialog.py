"""A dialog that asks for something, then stays while the work is done and watched."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QWidget

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.theme.type import S
from app.widgets.bar import Bar
from app.widgets.label import Label

WIDTH = 540


class WorkDialog(QDialog):
    """Cancel, Escape and closing it end the work. words, bar: how far it is, and what went wrong."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._ticket: Ticket | None = None
        self.words = Label("", "muted", wrap=True)
        self.bar = Bar(width=WIDTH - 48)
        self.setWindowTitle("Cutaway")
        self.setFixedWidth(WIDTH)

    def reject(self) -> None:
        """Also what closing the dialog does."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        super().reject()

    def _say(self, text: str, role: str) -> None:
        self.words.setText(text)
        self.words.set_role(role)
        self.words.show()
        self._fit()

    def _fit(self) -> None:
        """As high as the wrapped text needs at our width: a dialog by itself asks for more."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.setFixedHeight(layout.totalHeightForWidth(WIDTH))


def row_of(*widgets: QWidget) -> QHBoxLayout:
    """Side by side; what is typed into takes the room."""
    row = QHBoxLayout()
    row.setSpacing(S)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QLineEdit) else 0)
    return row
