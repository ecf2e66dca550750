"""The picture of a stage that makes text: its newest sentences, names and values marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*[\"”’)]*")
_SENTENCES = 2  # of each document, so that several are seen
_CHIP = {"name": 2, "value": 0}  # which of the palette's chip colours

Marks = Sequence[tuple[int, int, str]]


@dataclass(frozen=True)
class _Word:
    text: str
    role: str  # "name", "value" or ""
    joined: bool  # whether it continues the mark of the word before


class DocumentsPicture(QWidget):
    """Documents as (text, marks), newest last; as many lines as fit, the last ones fading."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._documents: list[tuple[str, Marks]] = []
        self._hollow = False

    def set_documents(self, documents: Sequence[tuple[str, Marks]], *, hollow: bool = False) -> None:
        """hollow: an example of what will come, its marks outlined and not filled."""
        if (list(documents), hollow) != (self._documents, self._hollow):
            self._documents, self._hollow = list(documents), hollow
            self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 80)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        roomy = self.width() >= 200
        painter.setFont(font(13 if roomy else 11))
        pitch = 23.5 if roomy else 21.0
        rows = int(self.height() // pitch)
        lines = self._lines(QFontMetricsF(painter.font()), rows)
        for index, line in enumerate(lines):
            fading = max(0, index - (len(lines) - 3)) * 0.2 if len(lines) > 4 else 0.0
            self._paint_line(painter, line, index * pitch + pitch / 2, 1 - fading)

    def _lines(self, metrics: QFontMetricsF, rows: int) -> list[list[_Word]]:
        lines: list[list[_Word]] = []
        for text, marks in self._documents:
            for sentence in _sentences(text, marks)[:_SENTENCES]:
                wrapped = _wrapped(sentence, metrics, self.width() - 6)
                if lines and len(lines) + len(wrapped) > rows:
                    return lines
                lines += wrapped
        return lines[:rows]

    def _paint_line(self, painter: QPainter, words: list[_Word], middle: float, strength: float) -> None:
        p = colors(self)
        metrics = QFontMetricsF(painter.font())
        space = metrics.horizontalAdvance(" ")
        x = 2.0
        runs: list[tuple[str, QRectF]] = []
        places = []
        for word in words:
            width = metrics.horizontalAdvance(word.text)
            places.append((x, word))
            if word.joined and runs:
                runs[-1][1].setRight(x + width)
            elif word.role:
                runs.append((word.role, QRectF(x, middle - 9, width, 18)))
            x += width + space
        for role, box in runs:
            self._paint_chip(painter, role, box.adjusted(-2.5, 0, 2.5, 0), strength, p)
        baseline = middle + (metrics.ascent() - metrics.descent()) / 2
        ink = p.muted if self._hollow else p.text
        painter.setPen(mix(ink, p.background if self._hollow else p.surface, 0.35 + 0.65 * strength))
        for left, word in places:
            painter.drawText(QPointF(left, baseline), word.text)

    def _paint_chip(self, painter: QPainter, role: str, box: QRectF, strength: float, p: Palette) -> None:
        if self._hollow:
            painter.setPen(mix(p.border, p.background, 0.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            box = box.adjusted(0.5, 0.5, -0.5, -0.5)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(mix(p.chips[_CHIP.get(role, 0)], p.surface, strength))
        painter.drawRoundedRect(box, 3, 3)


def _sentences(text: str, marks: Marks) -> list[list[_Word]]:
    found = []
    for match in _SENTENCE.finditer(text):
        words, before = [], (-1, -1, "")
        for word in re.finditer(r"\S+", match.group()):
            start = match.start() + word.start()
            end = start + len(word.group())
            mark = next((mark for mark in marks if mark[0] < end and mark[1] > start), (-1, -1, ""))
            words.append(_Word(word.group(), mark[2], bool(mark[2]) and tuple(mark) == tuple(before)))
            before = mark
        if words:
            found.append(words)
    return found


def _wrapped(words: list[_Word], metrics: QFontMetricsF, width: float) -> list[list[_Word]]:
    lines: list[list[_Word]] = [[]]
    used, space = 0.0, metrics.horizontalAdvance(" ")
    for word in words:
        advance = metrics.horizontalAdvance(word.text)
        if lines[-1] and used + advance > width:
            lines.append([])
            used = 0.0
            word = _Word(word.text, word.role, joined=False)
        lines[-1].append(word)
        used += advance + space
    return lines
