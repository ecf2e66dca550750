"""A run as a ruler of time: each stage as wide as it takes, what is over filled, and where now is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font

_BAR, _TOP, _GAP = 8.0, 18.0, 2.0
_STEPS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class Span:
    """One stage. seconds: what it took, or is expected to take. filled: share that is over. role: palette colour."""

    title: str
    seconds: float
    filled: float
    role: str


class Timeline(QWidget):
    """spans in order; elapsed in seconds, or None while nothing runs or ran."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._spans: tuple[Span, ...] = ()
        self.total = 0.0  # seconds of all spans
        self._elapsed: float | None = None
        self._words = ""

    def set_spans(self, spans: Sequence[Span], elapsed: float | None, words: str = "elapsed") -> None:
        """words: stand behind the elapsed time at the mark, for example "elapsed" or "paused"."""
        now = (tuple(spans), elapsed, words)
        if now != (self._spans, self._elapsed, self._words):
            self._spans, self._elapsed, self._words = now
            self.total = sum(span.seconds for span in spans)
            told = ", ".join(f"{span.title} {clock(span.seconds)}" for span in spans)
            self.setAccessibleName(f"Timeline: {told}")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(600, 48)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 48)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self.total <= 0:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        self._paint_ruler(painter, p)
        left = 0.0
        for span in self._spans:
            width = span.seconds / self.total * self.width()
            _paint_span(painter, span, QRectF(left, _TOP, max(width - _GAP, 1.0), _BAR), p)
            left += width
        self._paint_titles(painter, p)
        if self._elapsed is not None:
            self._paint_mark(painter, p, self._elapsed)

    def _x(self, seconds: float) -> float:
        return min(max(seconds / self.total, 0.0), 1.0) * self.width()

    def _mark_text(self) -> str:
        return f"{clock(self._elapsed or 0.0)} {self._words}"

    def _paint_titles(self, painter: QPainter, p: Palette) -> None:
        """Above their spans, where there is room and no mark in the way."""
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        mark = self._x(self._elapsed) if self._elapsed is not None else -1e9
        blocked = QRectF(mark - 6, 0, metrics.horizontalAdvance(self._mark_text()) + 18, 14)
        at = 0.0
        for span in self._spans:
            left, width = self._x(at), span.seconds / self.total * self.width()
            at += span.seconds
            needed = QRectF(left, 0, metrics.horizontalAdvance(span.title), 14)
            if needed.width() < width - 6 and not (self._elapsed is not None and needed.intersects(blocked)):
                painter.setPen(QColor(p.text if span.filled > 0 else p.muted))
                painter.drawText(QPointF(left + 2, 11), span.title)

    def _paint_mark(self, painter: QPainter, p: Palette, elapsed: float) -> None:
        x = min(max(self._x(elapsed), 4.0), self.width() - 4.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.text))
        painter.drawRect(QRectF(x - 0.75, _TOP - 3, 1.5, _BAR + 16))
        painter.drawPolygon(QPolygonF([QPointF(x - 4, _TOP - 5), QPointF(x + 4, _TOP - 5), QPointF(x, _TOP)]))
        text = self._mark_text()
        painter.setFont(font(11))
        width = QFontMetricsF(painter.font()).horizontalAdvance(text)
        left = x + 6 if x + 6 + width < self.width() else x - 6 - width
        painter.setPen(QColor(p.text))
        painter.drawText(QPointF(left, 11), text)

    def _paint_ruler(self, painter: QPainter, p: Palette) -> None:
        """Long strokes with their time where at least 200 px have passed, short ones between."""
        long = next((step for step in _STEPS if self._x(step) >= 200), max(self.total, 1.0))
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        end = metrics.horizontalAdvance(clock(self.total))
        top, at = _TOP + _BAR + 4, 0.0
        while at <= self.total:
            major = abs(at / long - round(at / long)) < 1e-6
            x = self._x(at)
            painter.fillRect(QRectF(x, top, 1, 6 if major else 3), QColor(p.border))
            if major and x < self.width() - end - 44 and not self._hidden_by_mark(x, metrics):
                painter.setPen(QColor(p.muted))
                painter.drawText(QPointF(x + 4, top + 11), clock(at))
            at += long / 6
        painter.setPen(QColor(p.muted))
        if not self._hidden_by_mark(self.width() - end - 4, metrics):
            painter.drawText(QPointF(self.width() - end, top + 11), clock(self.total))

    def _hidden_by_mark(self, x: float, metrics: QFontMetricsF) -> bool:
        if self._elapsed is None:
            return False
        return x - 2 < self._x(self._elapsed) < x + 8 + metrics.horizontalAdvance("00:00")


def _paint_span(painter: QPainter, span: Span, bar: QRectF, p: Palette) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(p.raised))
    painter.drawRoundedRect(bar, 2, 2)
    if span.filled > 0:
        painter.setBrush(QColor(getattr(p, span.role)))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * min(span.filled, 1.0), _BAR), 2, 2)


def clock(seconds: float) -> str:
    """A duration as people read a watch: 0:09, 2:02, 1:04:00, 3 d 4 h."""
    whole = max(round(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
