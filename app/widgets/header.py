"""The header of a page: its title, what it is about, and its actions."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.theme.type import XL, M
from app.widgets.label import Label

HEIGHT = 56
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


class Header(QStackedWidget):
    """Keeps one row of widgets for each page that was opened."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self._rows: dict[str, _Row] = {}

    def add(self, name: str, title: str, left: Sequence[QWidget], right: Sequence[QWidget]) -> None:
        row = _Row(title, left, right)
        self._rows[name] = row
        self.addWidget(row)

    def show_page(self, name: str) -> None:
        self.setCurrentWidget(self._rows[name])

    def set_title(self, name: str, title: str) -> None:
        self._rows[name].title.setText(title)

    def title(self) -> str:
        row = self.currentWidget()
        return row.title.text() if isinstance(row, _Row) else ""


class _Row(QWidget):
    def __init__(self, title: str, left: Sequence[QWidget], right: Sequence[QWidget]) -> None:
        super().__init__()
        self.title = Label(title, size=20, weight=600)
        self.title.setVisible(bool(title))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(XL, 0, XL, 0)
        layout.setSpacing(M)
        layout.addWidget(self.title, 0, _MIDDLE)
        for widget in left:
            layout.addWidget(widget, 0, _MIDDLE)
        layout.addStretch(1)
        for widget in right:
            layout.addWidget(widget, 0, _MIDDLE)
