"""One sentence in 20/28, with the words that matter in colour."""

from __future__ import annotations

import re

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font

_LINE = 28.0
_WIDEST = 430
_MARKED = re.compile(r"\*([^*]+)\*")


class Sentence(QWidget):
    """Asks for the height that its text needs at the width it gets."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._text, self._role = "", "accent"
        self._ranges: list[tuple[int, int]] = []

    def set_words(self, marked: str, role: str) -> None:
        """marked: text with asterisks around what wears the colour `role`."""
        text, ranges, at = "", [], 0
        for match in _MARKED.finditer(marked):
            text += marked[at : match.start()]
            ranges.append((len(text), len(match.group(1))))
            text += match.group(1)
            at = match.end()
        text += marked[at:]
        if (text, ranges, role) != (self._text, self._ranges, self._role):
            self._text, self._ranges, self._role = text, ranges, role
            self.setAccessibleName(text)
            self._take_height()
            self.update()

    @property
    def text(self) -> str:
        return self._text

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._take_height()

    def sizeHint(self) -> QSize:
        return QSize(_WIDEST, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.height())

    def _take_height(self) -> None:
        """A layout inside a layout gives too little to what asks by its width: the height is set outright."""
        height = round(_LINE * max(self._lay_out(self.width()).lineCount(), 1))
        if height != self.height():
            self.setFixedHeight(height)

    def _lay_out(self, width: int) -> QTextLayout:
        layout = QTextLayout(self._text, font(20))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout.setTextOption(option)
        layout.beginLayout()
        top = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(min(width, _WIDEST))
            line.setPosition(QPointF(0, top + (_LINE - line.height()) / 2))
            top += _LINE
        layout.endLayout()
        return layout

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setPen(QColor(p.text))
        formats = []
        for start, length in self._ranges:
            piece = QTextLayout.FormatRange()
            piece.start, piece.length = start, length
            marked = QTextCharFormat()
            marked.setForeground(QColor(getattr(p, self._role)))
            piece.format = marked
            formats.append(piece)
        self._lay_out(self.width()).draw(painter, QPointF(0, 0), formats)


def elided(painter: QPainter, text: str, width: float) -> str:
    """The text, its end cut to fit `width` in the painter's font."""
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(round(width), 0))
