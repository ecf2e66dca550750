"""How much of the model's view the text fills."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.pages.playground.session import Session
from app.pages.playground.text import cache_words, milliseconds_a_token
from app.theme.palette import Palette, colors
from app.theme.type import font

_BAR_TOP, _BAR = 24.0, 7.0
_MARKS = 8


class ContextMeter(QWidget):
    """Tokens typed and written, of context_length. words: facts at the right end, such as "cache 288 KB"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._typed = self._written = self._length = 0
        self._words: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_use(self, typed: int, written: int, length: int, words: tuple[str, ...]) -> None:
        """length: tokens that the model sees at most, 0 while unknown."""
        if (typed, written, length, words) != (self._typed, self._written, self._length, self._words):
            self._typed, self._written, self._length, self._words = typed, written, length, words
            self.setAccessibleName(f"Context: {self._share_words()}")
            self.update()

    def follow(self, session: Session, written: int) -> None:
        """What the text of the session takes; `written` of its tokens are the model's."""
        facts, tokens = session.facts, session.tokens
        words: list[str] = []
        if facts is not None and tokens:
            words.append(f"cache {cache_words(len(tokens), facts)}")
            pace = milliseconds_a_token(tokens)
            words += [] if math.isnan(pace) else [f"{pace:.1f} ms a token"]
        if not session.draft:  # how many tokens that is, the model's tokenizer says in a moment
            self.show_use(len(tokens) - written, written, facts.context_length if facts else 0, tuple(words))

    def sizeHint(self) -> QSize:
        return QSize(300, 40)

    def _share_words(self) -> str:
        used = self._typed + self._written
        if not self._length:
            return f"{used:,} tokens"
        over = ", the oldest are out of view" if used > self._length else ""
        return f"{used:,} of {self._length:,} tokens{over}"

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_words(painter, palette)
        self._paint_bar(painter, palette)

    def _paint_words(self, painter: QPainter, palette: Palette) -> None:
        painter.setFont(font(11))
        metrics = QFontMetricsF(font(11))
        painter.setPen(QColor(palette.text))
        painter.drawText(QRectF(0, 0, 100, 18), Qt.AlignmentFlag.AlignVCenter, "Context")
        painter.setPen(QColor(palette.muted))
        left = metrics.horizontalAdvance("Context") + 9
        painter.drawText(QRectF(left, 0, 400, 18), Qt.AlignmentFlag.AlignVCenter, self._share_words())
        least = left + metrics.horizontalAdvance(self._share_words()) + 20
        x = float(self.width())
        legend = ((f"typed {self._typed}", palette.border), (f"written {self._written}", palette.accent))
        for words, square in [*((w, "") for w in reversed(self._words)), *reversed(legend)]:
            x -= metrics.horizontalAdvance(words)
            if x - 14 < least:
                return
            painter.setPen(QColor(palette.muted))
            painter.drawText(QRectF(x, 0, 300, 18), Qt.AlignmentFlag.AlignVCenter, words)
            if square:
                x -= 13
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(square))
                painter.drawRoundedRect(QRectF(x, 5, 8, 8), 2, 2)
            x -= 16

    def _paint_bar(self, painter: QPainter, palette: Palette) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.raised))
        painter.drawRoundedRect(QRectF(0, _BAR_TOP, self.width(), _BAR), 2, 2)
        whole = max(self._length, self._typed + self._written, 1)
        x = 0.0
        for count, color in ((self._typed, palette.border), (self._written, palette.accent)):
            width = count / whole * self.width()
            if width > 0.5:
                painter.setBrush(QColor(color))
                painter.drawRoundedRect(QRectF(x, _BAR_TOP, max(width - 1, 1), _BAR), 2, 2)
            x += width
        for mark in range(1, _MARKS):
            at = round(mark / _MARKS * self.width())
            painter.fillRect(QRectF(at, _BAR_TOP + _BAR + 3, 1, 4), QColor(palette.border))
