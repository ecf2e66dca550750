"""The few icons that Phosphor does not have, as strokes on a square of 20."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

_THIN, _BOLD = 1.3, 1.9


def paint_own(painter: QPainter, rect: QRectF, name: str, color: QColor, *, bold: bool) -> None:
    """rect: a square. name: a key of PATHS."""
    scale = rect.width() / 20
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(scale, scale)
    width = (_BOLD if bold else _THIN) if scale >= 0.9 else 1.2 / scale
    pen = QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(PATHS[name]())
    painter.restore()


def _loss() -> QPainterPath:
    """A curve that falls between its axes."""
    path = QPainterPath(QPointF(2.5, 2.5))
    path.lineTo(2.5, 17)
    path.lineTo(17.5, 17)
    path.moveTo(5.5, 3)
    path.cubicTo(6, 10, 9, 13, 16.5, 13.5)
    return path


def _tokens() -> QPainterPath:
    """Pieces of different width, side by side."""
    path = QPainterPath()
    for x, y, width in ((2.5, 4, 6.2), (11.2, 4, 6.3), (2.5, 11.3, 9), (14, 11.3, 3.5)):
        path.addRoundedRect(QRectF(x, y, width, 4.7), 1.2, 1.2)
    return path


def _memory() -> QPainterPath:
    """A memory module with its contacts."""
    path = QPainterPath()
    path.addRect(QRectF(1.5, 4, 17, 9))
    for x in (6, 10, 14):
        path.moveTo(x, 7)
        path.lineTo(x, 10)
    for place in (3.5, 7.5, 12.5, 16.5):
        path.moveTo(place, 13)
        path.lineTo(place, 16)
    return path


PATHS = {"own.loss": _loss, "own.tokens": _tokens, "own.memory": _memory}
