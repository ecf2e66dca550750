"""The parts of the inspector: a numbered step, key/value rows, a small table, a caution."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import S, font
from app.widgets.inspection import Table
from app.widgets.inspector_text import Text
from app.widgets.label import Hairline, Label

_ROW = 24


class Number(QWidget):
    """The step's number in a ring of 16 px."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = str(number)
        self.setFixedSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colors(self).accent), 1))
        painter.drawEllipse(QRectF(0.5, 0.5, 15, 15))
        painter.setFont(font(10, weight=500))
        painter.drawText(QRectF(0, 0, 16, 16), Qt.AlignmentFlag.AlignCenter, self._number)


def heading(text: str, number: int = 0) -> QWidget:
    """number 0: a heading without a ring."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(S)
    if number:
        layout.addWidget(Number(number))
    layout.addWidget(Label(text, "muted", 11))
    layout.addStretch(1)
    row.setFixedHeight(19)
    return row


def rows(pairs: tuple[tuple[str, ...], ...]) -> QWidget:
    """(key, value) or (key, value, role) under each other, values at the right."""
    grid = QWidget()
    layout = QGridLayout(grid)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(12)
    layout.setVerticalSpacing(0)
    layout.setColumnStretch(1, 1)
    for index, pair in enumerate(pairs):
        key, value, role = (*pair, "text")[:3]
        name = Label(key, "muted")
        long = len(value) > 24
        fixed = role == "fixed"
        shown = Label(value, "text" if fixed else role, 11 if fixed else 13, fixed=fixed, wrap=long)
        shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setAccessibleName(f"{key}: {value}")
        layout.addWidget(
            name, index, 0, Qt.AlignmentFlag.AlignTop if len(value) > 24 else Qt.AlignmentFlag.AlignVCenter
        )
        layout.addWidget(shown, index, 1)
        layout.setRowMinimumHeight(index, _ROW)
    return grid


def table(content: Table) -> QWidget:
    """11 px, a hairline under each row, the picked one in accent."""
    grid = QWidget()
    layout = QGridLayout(grid)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(0)
    last = len(content.header) - 1
    for line, cells in enumerate([content.header, *content.rows]):
        picked = line > 0 and line - 1 == content.picked
        for column, cell in enumerate(cells):
            role = "accent" if picked else "muted" if line == 0 else "text"
            word = column == 0 or (content.words and column < last)
            label = Label(cell, role, 11, weight=600 if picked else 400, fixed=word and line > 0)
            right = column == last or (column and not content.words)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            layout.addWidget(label, 2 * line, column, side | Qt.AlignmentFlag.AlignVCenter)
        layout.setRowMinimumHeight(2 * line, 22)
        if line < len(content.rows):
            layout.addWidget(Hairline(), 2 * line + 1, 0, 1, len(content.header))
    layout.setColumnStretch(0, 1)
    return grid


class Caution(QWidget):
    """A note with a sign before it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(Text(text))

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_icon(QPainter(self), QRectF(0, 3, 15, 15), "ph.info", colors(self).warning)
