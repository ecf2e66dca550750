"""A confusion matrix: how many texts of each true label received which label."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors, mix
from app.theme.type import font

_GAP, _HEAD, _FOOT, _MOST = 2.0, 20.0, 18.0, 64.0


class ConfusionMatrix(QWidget):
    """Rows are true labels, columns chosen ones; the diagonal is right (ok), the rest wrong (danger), stronger the
    more, with its count in every cell.

    pointed(row, column): under the pointer or chosen by arrows; (-1, -1) for none.
    """

    pointed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: tuple[str, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._widest = 0.0
        self._cell: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Confusion matrix")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_counts(self, labels: Sequence[str], counts: Sequence[int]) -> None:
        """counts: one row a true label, row after row."""
        if (tuple(labels), tuple(counts)) == (self._labels, self._counts):
            return
        self._labels, self._counts = tuple(labels), tuple(counts)
        metrics = QFontMetricsF(font(11))
        self._widest = max((metrics.horizontalAdvance(label) for label in self._labels), default=0.0)
        spoken = []
        for row, label in enumerate(self._labels):
            told = ", ".join(f"{self.count(row, place)} as {other}" for place, other in enumerate(self._labels))
            spoken.append(f"{label}: {told}")
        self.setAccessibleDescription(". ".join(spoken))
        self.update()

    def count(self, row: int, column: int) -> int:
        return self._counts[row * len(self._labels) + column]

    def sizeHint(self) -> QSize:
        return QSize(280, round(_HEAD + _FOOT + 36 * max(len(self._labels), 2)))

    def minimumSizeHint(self) -> QSize:
        return QSize(180, round(_HEAD + _FOOT + 18 * max(len(self._labels), 2)))

    def _left(self) -> float:
        return min(self._widest, self.width() * 0.3) + 10

    def _box(self, row: int, column: int) -> QRectF:
        count = max(len(self._labels), 1)
        wide = (self.width() - self._left()) / count
        tall = min((self.height() - _HEAD - _FOOT) / count, _MOST)
        return QRectF(self._left() + column * wide, _HEAD + row * tall, wide - _GAP, tall - _GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        elide = Qt.TextElideMode.ElideRight
        for place, label in enumerate(self._labels):
            row, column = self._box(place, 0), self._box(0, place)
            painter.setPen(QColor(p.muted))
            name = metrics.elidedText(label, elide, self._left() - 10)
            painter.drawText(QRectF(0, row.top(), self._left(), row.height()), Qt.AlignmentFlag.AlignVCenter, name)
            head = QRectF(column.left(), 0, column.width(), _HEAD)
            painter.drawText(head, Qt.AlignmentFlag.AlignCenter, metrics.elidedText(label, elide, column.width()))
            for other in range(len(self._labels)):
                self._paint_cell(painter, place, other)
        painter.setPen(QColor(p.muted))
        bottom = self._box(len(self._labels) - 1, 0).bottom() if self._labels else 0.0
        foot = QRectF(self._left(), bottom + 2, self.width() - self._left(), _FOOT)
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, "chosen by the model; rows are the truth")
        if self._cell is not None and self._labels:
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.drawRect(self._box(*self._cell).adjusted(1, 1, -1, -1))

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        p = colors(self)
        total = sum(self.count(row, place) for place in range(len(self._labels)))
        share = self.count(row, column) / total if total else 0.0
        box = self._box(row, column)
        ink = p.ok if row == column else p.danger
        painter.fillRect(box, mix(ink, p.raised, 0.08 + 0.5 * share) if share else QColor(p.raised))
        painter.setPen(QColor(p.text if share else p.muted))
        painter.setFont(font(13 if box.height() >= 20 else 11, weight=600 if row == column else 400))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{self.count(row, column):,}")
        painter.setFont(font(11))

    def _at(self, point: QPoint) -> tuple[int, int] | None:
        places = range(len(self._labels))
        cells = ((row, column) for row in places for column in places)
        return next((cell for cell in cells if self._box(*cell).contains(point)), None)

    def _point(self, cell: tuple[int, int] | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.pointed.emit(*(cell or (-1, -1)))
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        moves = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        if key not in moves or not self._labels:
            super().keyPressEvent(event)
            return
        row, column = self._cell or (0, 0)
        last = len(self._labels) - 1
        self._point((min(max(row + moves[key][0], 0), last), min(max(column + moves[key][1], 0), last)))
