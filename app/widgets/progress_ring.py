"""The small ring of something that runs: an arc that turns, or a share that fills."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import motion
from app.theme.palette import colors

_TURN_MILLISECONDS = 1600
# Six frames a second: seen as turning, at a sixth of the cost of smooth motion beside a run that needs the cores.
_FRAME_MILLISECONDS = 160
# What the eye can tell apart on a ring of 12 pixels.
_SHARES = 40


def paint_ring(
    painter: QPainter, rect: QRectF, share: float, turn: float, color: str, trough: str, width: float = 0.0
) -> None:
    """share: 0 to 1 of the circle. turn: 0 to 1, where the arc begins, clockwise from the top. width: of the line,
    0 for one that suits the size."""
    width = width or max(1.5, rect.width() / 7)
    inner = rect.adjusted(width / 2, width / 2, -width / 2, -width / 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(trough), width))
    painter.drawEllipse(inner)
    painter.setPen(QPen(QColor(color), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawArc(inner, round((0.25 - turn) * 5760), round(-share * 5760))


class ProgressRing(QWidget):
    """share: how much is done, 0 to 1. None: not known, the ring turns (and stands still when motion is reduced)."""

    def __init__(self, size: int = 12, share: float | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self._share = share
        self._turn = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MILLISECONDS)
        self._timer.timeout.connect(self._advance)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_share(self, share: float | None) -> None:
        seen = None if share is None else round(share * _SHARES) / _SHARES
        if seen != self._share:
            self._share = seen
            self._keep_time()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def showEvent(self, event: QShowEvent) -> None:
        self._keep_time()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def _keep_time(self) -> None:
        if self._share is None and self.isVisible() and not motion.is_reduced():
            self._timer.start()
        else:
            self._timer.stop()

    def _advance(self) -> None:
        if motion.is_reduced():
            self._timer.stop()
        self._turn = (self._turn + _FRAME_MILLISECONDS / _TURN_MILLISECONDS) % 1.0
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        share, turn = (0.7, self._turn) if self._share is None else (self._share, 0.0)
        painter = QPainter(self)
        paint_ring(painter, QRectF(0, 0, self.width(), self.height()), share, turn, p.accent, p.raised)
