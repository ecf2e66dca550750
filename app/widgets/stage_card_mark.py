"""The small sign that tells how far a stage is."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.theme.palette import Palette
from engine.events import RunState


class Mark(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


_OF_STATE = {
    RunState.STARTING: Mark.RUNNING,
    RunState.RUNNING: Mark.RUNNING,
    RunState.STOPPING: Mark.RUNNING,
    RunState.SAVING: Mark.RUNNING,
    RunState.PAUSED: Mark.PAUSED,
    RunState.DONE: Mark.DONE,
    RunState.STOPPED: Mark.STOPPED,
    RunState.DIED: Mark.STOPPED,
    RunState.FAILED: Mark.FAILED,
}


def mark_of(state: RunState) -> Mark:
    return _OF_STATE.get(state, Mark.WAITING)


def paint_mark(painter: QPainter, center: QPointF, mark: Mark, share: float, p: Palette, size: float = 14.0) -> None:
    """Draws the sign around `center`. share: of the ring while it runs, 0 to 1."""
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ring = QRectF(center.x() - size / 2, center.y() - size / 2, size, size).adjusted(1, 1, -1, -1)
    if mark is Mark.DONE:
        _paint_strokes(painter, center, p.ok, [(-5.5, 0.5), (-2, 4), (5.5, -4)], size)
    elif mark is Mark.FAILED:
        _paint_strokes(painter, center, p.danger, [(-4, -4), (4, 4)], size)
        _paint_strokes(painter, center, p.danger, [(-4, 4), (4, -4)], size)
    elif mark is Mark.PAUSED:
        for x in (-2.5, 2.5):
            _paint_strokes(painter, center, p.accent, [(x, -4.5), (x, 4.5)], size)
    elif mark is Mark.RUNNING:
        painter.setPen(QPen(QColor(p.raised), 2))
        painter.drawEllipse(ring)
        painter.setPen(QPen(QColor(p.accent), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawArc(ring, 90 * 16, -round(max(share, 0.06) * 360 * 16))
    else:
        pen = QPen(QColor(p.border), 1.25)
        pen.setDashPattern([2, 2])
        painter.setPen(pen)
        painter.drawEllipse(ring)
        if mark is Mark.STOPPED:
            painter.fillRect(QRectF(center.x() - 2, center.y() - 2, 4, 4), QColor(p.muted))
    painter.restore()


def _paint_strokes(
    painter: QPainter, center: QPointF, color: str, points: list[tuple[float, float]], size: float
) -> None:
    scale = size / 14
    round_cap, round_join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.setPen(QPen(QColor(color), 1.6 * scale, Qt.PenStyle.SolidLine, round_cap, round_join))
    painter.drawPolyline(QPolygonF([center + QPointF(x * scale, y * scale) for x, y in points]))
