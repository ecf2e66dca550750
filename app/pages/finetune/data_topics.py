"""What kinds of conversations there are, and how many of each."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import paint_focus

_ROW = 34.0
MOST = 40


class TopicBars(QWidget):
    """chosen(name): one was picked, "" when it was let go. Arrows and Space do the same. `warned` ones stand too
    seldom to be learned and measured."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, int]] = []
        self._warned: frozenset[str] = frozenset()
        self._current, self._hover = "", -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def current(self) -> str:
        return self._current

    def show_counts(self, counts: Mapping[str, int], warned: frozenset[str] = frozenset()) -> None:
        """The most first; MOST of them are drawn."""
        self._rows = sorted(((name, count) for name, count in counts.items() if name), key=lambda row: -row[1])[:MOST]
        self._warned = warned
        if self._current not in counts:
            self._current = ""
        self.setAccessibleName(", ".join(f"{name} {count:,}" for name, count in self._rows))
        self.updateGeometry()
        self.update()

    def set_current(self, name: str) -> None:
        """Does not emit `chosen`."""
        self._current = name
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(170, round(len(self._rows) * _ROW))

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max((count for _, count in self._rows), default=1)
        for place, (name, count) in enumerate(self._rows):
            box = QRectF(0, place * _ROW, self.width(), _ROW)
            if name == self._current or place == self._hover:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(p.soft_accent if name == self._current else p.raised))
                painter.drawRoundedRect(box.adjusted(0, 1, 0, -1), 4, 4)
            inner = box.adjusted(8, 4, -8, 0)
            number = f"{count:,}"
            painter.setFont(font(11))
            painter.setPen(QColor(p.warning if name in self._warned else p.text))
            wide = QFontMetrics(font(11)).horizontalAdvance(number)
            top = QRectF(inner.left(), inner.top(), inner.width(), 16)
            painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
            room = int(inner.width() - wide - 8)
            shown = QFontMetrics(font(11)).elidedText(name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, shown)
            trough = QRectF(inner.left(), inner.top() + 19, inner.width(), 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.raised if name != self._current else p.surface))
            painter.drawRoundedRect(trough, 1.5, 1.5)
            painter.setBrush(QColor(p.warning if name in self._warned else p.accent))
            painter.drawRoundedRect(trough.adjusted(0, 0, -trough.width() * (1 - count / most), 0), 1.5, 1.5)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), p.accent, 4)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._row_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position())
        if row >= 0:
            self._pick("" if self._rows[row][0] == self._current else self._rows[row][0])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        names = [name for name, _ in self._rows]
        here = names.index(self._current) if self._current in names else -1
        if event.key() == Qt.Key.Key_Down and here + 1 < len(names):
            self._pick(names[here + 1])
        elif event.key() == Qt.Key.Key_Up and here >= 0:
            self._pick(names[here - 1] if here else "")
        elif event.key() == Qt.Key.Key_Escape and self._current:
            self._pick("")
        else:
            super().keyPressEvent(event)

    def _pick(self, name: str) -> None:
        self._current = name
        self.update()
        self.chosen.emit(name)

    def _row_at(self, point: QPointF) -> int:
        row = int(point.y() // _ROW)
        return row if 0 <= row < len(self._rows) else -1

    def _set_hover(self, row: int) -> None:
        if row != self._hover:
            self._hover = row
            self.update()
