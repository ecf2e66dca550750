"""What a chart paints around its lines: grid, ticks, marks, crosshair, callout and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from app.theme.palette import Palette, mix
from app.theme.type import font
from app.widgets.metric_chart_link import ChartLink, Mark, MarkKind
from app.widgets.metric_chart_scale import linear_ticks, log_ticks, tick_text, x_text, x_ticks, x_title
from app.widgets.metric_series import XAxis

_TICK_GAP = 20.0
_LABEL_LINE = 14.0
_CALLOUT_WIDTH = 176.0
_ALIGN = Qt.AlignmentFlag


@dataclass(frozen=True)
class Geometry:
    """Where the plot stands, in pixels, and what it shows. bottom and top are log10 when `log`."""

    rect: QRectF
    left: float
    right: float
    bottom: float
    top: float
    log: bool

    def px(self, x: float) -> float:
        return self.rect.left() + (x - self.left) / (self.right - self.left) * self.rect.width()

    def x_at(self, pixel: float) -> float:
        return self.left + (pixel - self.rect.left()) / self.rect.width() * (self.right - self.left)

    def py(self, value: float) -> float:
        """The row of a value, kept within the plot; NaN for one that a logarithm has no place for."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        y = math.log10(value) if self.log else value
        row = self.rect.bottom() - (y - self.bottom) / (self.top - self.bottom) * self.rect.height()
        return min(max(row, self.rect.top()), self.rect.bottom())

    def y_ticks(self) -> list[float]:
        if self.log:
            return log_ticks(10**self.bottom, 10**self.top, self.rect.height(), _TICK_GAP)
        return linear_ticks(self.bottom, self.top, max(int(self.rect.height() / _TICK_GAP / 1.4), 2))


@dataclass(frozen=True)
class EndLabel:
    """A value named at the end of its line."""

    row: float
    text: str
    color: str


def crisp(value: float) -> float:
    """The middle of a pixel, so that a hairline is one pixel wide."""
    return math.floor(value) + 0.5


def dotted(color: QColor | str, width: float = 1.0) -> QPen:
    """Not yet happened: dash 2, gap 3."""
    pen = QPen(QColor(color), width)
    pen.setCosmetic(True)  # in pixels also where pyqtgraph draws in the units of the data
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setDashPattern([2.0 / width, 3.0 / width])
    return pen


def paint_future(painter: QPainter, at: Geometry, link: ChartLink, p: Palette) -> None:
    """Shades what has not happened yet."""
    begin = max(at.px(link.now), at.rect.left())
    if link.end > link.now and begin < at.rect.right() - 1:
        area = QRectF(QPointF(begin, at.rect.top()), at.rect.bottomRight())
        painter.fillRect(area, mix(p.background, p.surface, 0.55))


def paint_grid(painter: QPainter, at: Geometry, link: ChartLink, p: Palette) -> None:
    """Rows of the y axis with their numbers, ticks of the x axis with theirs and its unit."""
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    for value in at.y_ticks():
        row = crisp(at.py(value))
        painter.setPen(QPen(QColor(p.hairline), 1))
        painter.drawLine(QLineF(at.rect.left(), row, at.rect.right(), row))
        painter.setPen(QColor(p.muted))
        box = QRectF(0, row - 8, at.rect.left() - 8, 16)
        painter.drawText(box, _ALIGN.AlignRight | _ALIGN.AlignVCenter, tick_text(value))
    end = min(at.right, link.end)
    ticks = x_ticks(link.axis, at.left, end, max(int(at.rect.width() / 110), 2))
    if not ticks or at.px(ticks[-1]) < at.px(end) - 60:
        ticks.append(end)
    free = -math.inf
    for value in ticks:
        column = crisp(min(at.px(value), at.rect.right() - 1))
        painter.setPen(QPen(QColor(p.border), 1))
        painter.drawLine(QLineF(column, at.rect.bottom() + 1, column, at.rect.bottom() + 5))
        text = x_text(link.axis, value)
        if value == ticks[0]:
            text = f"{text} {x_title(link.axis)}" if link.axis is not XAxis.STEP else f"{x_title(link.axis)} {text}"
        width = metrics.horizontalAdvance(text)
        left = min(max(column - width / 2, at.rect.left()), at.rect.right() - width)
        if left > free:
            painter.setPen(QColor(p.muted))
            painter.drawText(QPointF(left, at.rect.bottom() + 5 + metrics.ascent() + 4), text)
            free = left + width + 12


def paint_compact_frame(painter: QPainter, at: Geometry, p: Palette) -> None:
    """A small chart has a base line and a dotted lid instead of a grid."""
    painter.setPen(QPen(QColor(p.hairline), 1))
    base = crisp(at.rect.bottom())
    painter.drawLine(QLineF(at.rect.left(), base, at.rect.right(), base))
    lid = crisp(at.rect.top())
    painter.setPen(dotted(mix(p.border, p.surface, 0.6)))
    painter.drawLine(QLineF(at.rect.left(), lid, at.rect.right(), lid))


def paint_level(painter: QPainter, at: Geometry, value: float, p: Palette) -> None:
    """A value that the lines are compared with; nothing for NaN."""
    row = at.py(value)
    if not math.isnan(row):
        painter.setPen(dotted(p.text, 1.0))
        painter.drawLine(QLineF(at.rect.left(), crisp(row), at.rect.right(), crisp(row)))


def paint_marks(painter: QPainter, at: Geometry, link: ChartLink, p: Palette, *, named: bool) -> None:
    """Controls turned by hand as dotted verticals, alarms and the best as lines; `named` where there is room."""
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    free = -math.inf
    columns = [crisp(at.px(link.place(mark.step))) for mark in link.marks]
    for mark, column, ahead in zip(link.marks, columns, [*columns[1:], math.inf], strict=False):
        if not at.rect.left() <= column <= at.rect.right() + 1:
            continue
        _paint_mark(painter, at, column, mark, p)
        width = metrics.horizontalAdvance(mark.text)
        if named and column > free:
            color = _mark_ink(mark, p)
            fits = column + 8 + width < min(at.rect.right(), ahead - 4)
            left = column + 8 if fits else column - 8 - width
            painter.fillRect(QRectF(left - 2, at.rect.top() - 7, width + 4, 14), QColor(p.surface))
            painter.setPen(QColor(color))
            painter.drawText(QPointF(left, at.rect.top() + 4), mark.text)
            free = max(left + width + 12, column)
        if named:
            ring = QPen(QColor(_mark_ink(mark, p)), 1.5)
            _ring(painter, QPointF(column, at.rect.top()), 3.0, ring, p.surface)


def _mark_ink(mark: Mark, p: Palette) -> str:
    return {MarkKind.ALARM: p.danger, MarkKind.BEST: p.ok}.get(mark.kind, p.muted)


def _paint_mark(painter: QPainter, at: Geometry, column: float, mark: Mark, p: Palette) -> None:
    solid = mark.kind is not MarkKind.HAND
    painter.setPen(QPen(QColor(_mark_ink(mark, p)), 1.5) if solid else dotted(p.border))
    painter.drawLine(QLineF(column, at.rect.top(), column, at.rect.bottom()))


def _ring(painter: QPainter, centre: QPointF, radius: float, pen: QPen, fill: str) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(pen)
    painter.setBrush(QBrush(QColor(fill)))
    painter.drawEllipse(centre, radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_gaps(painter: QPainter, at: Geometry, columns: Sequence[float], p: Palette) -> None:
    """A cross at the foot of the plot for every point that is not a number."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(QColor(p.danger), 1.5))
    foot = at.rect.bottom() - 6
    for x in columns:
        c = at.px(x)
        painter.drawLine(QLineF(c - 3, foot - 3, c + 3, foot + 3))
        painter.drawLine(QLineF(c - 3, foot + 3, c + 3, foot - 3))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_squares(painter: QPainter, at: Geometry, xs: Sequence[float], values: Sequence[float], p: Palette) -> None:
    """Hollow 5 px squares of the validation line."""
    painter.setPen(QPen(QColor(p.validation), 1))
    painter.setBrush(QBrush(QColor(p.surface)))
    rows = ((at.px(x), at.py(v)) for x, v in zip(xs, values, strict=True) if at.left <= x <= at.right)
    painter.drawRects([QRectF(round(x) - 2.5, round(y) - 2.5, 5, 5) for x, y in rows if not math.isnan(y)])
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_end(painter: QPainter, at: Geometry, x: float, value: float, color: str) -> None:
    """The filled dot at the end of a line that still grows."""
    row = at.py(value)
    if math.isnan(row) or not at.left <= x <= at.right:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(QColor(color)))
    painter.drawEllipse(QPointF(at.px(x), row), 3.0, 3.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_end_labels(painter: QPainter, at: Geometry, column: float, labels: Sequence[EndLabel]) -> None:
    """Beside the ends of the lines, or above them when they reach the edge; never over one another."""
    if not labels:
        return
    painter.setFont(font(11, weight=600))
    metrics = QFontMetricsF(painter.font())
    width = max(metrics.horizontalAdvance(label.text) for label in labels)
    ordered = sorted(labels, key=lambda label: label.row)
    left, foot = column + 10, (ordered[0].row + ordered[-1].row) / 2 - _LABEL_LINE * (len(ordered) - 1) / 2
    if left + width > at.rect.right():
        left, foot = at.rect.right() - width - 2, ordered[0].row - 12 - _LABEL_LINE * (len(ordered) - 1)
    foot = min(max(foot, at.rect.top() + 8), at.rect.bottom() - _LABEL_LINE * len(ordered))
    for place, label in enumerate(ordered):
        painter.setPen(QColor(label.color))
        painter.drawText(QPointF(left, foot + place * _LABEL_LINE + 4), label.text)


def paint_crosshair(painter: QPainter, at: Geometry, x: float, dots: Sequence[tuple[float, str]], p: Palette) -> None:
    """dots: (value, colour) of the lines at this x."""
    column = crisp(at.px(x))
    if not at.rect.left() <= column <= at.rect.right() + 1:
        return
    painter.setPen(QPen(QColor(p.muted), 1))
    painter.drawLine(QLineF(column, at.rect.top(), column, at.rect.bottom()))
    for value, color in dots:
        row = at.py(value)
        if not math.isnan(row):
            _ring(painter, QPointF(column, row), 3.5, QPen(QColor(color), 1.5), p.surface)


def paint_callout(
    painter: QPainter, at: Geometry, x: float, row: float, lines: Sequence[tuple[str, str]], p: Palette
) -> None:
    """A card beside the crosshair. lines: (left, right); the first is bold."""
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    widest = max(metrics.horizontalAdvance(left) + metrics.horizontalAdvance(right) for left, right in lines)
    width, height = max(_CALLOUT_WIDTH, widest + 44), 14 + 17.0 * len(lines)
    left = at.px(x) + 12
    if left + width > at.rect.right():
        left = at.px(x) - 12 - width
    top = min(max(row - height / 2, at.rect.top()), at.rect.bottom() - height)
    box = QRectF(crisp(left), crisp(top), width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(QColor(p.border), 1))
    painter.setBrush(QBrush(QColor(p.raised)))
    painter.drawRoundedRect(box, 6, 6)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for place, (name, value) in enumerate(lines):
        line = QRectF(box.left() + 12, box.top() + 7 + 17 * place, width - 24, 17)
        painter.setFont(font(11, weight=600 if place == 0 else 400))
        painter.setPen(QColor(p.text if place == 0 else p.muted))
        painter.drawText(line, _ALIGN.AlignLeft | _ALIGN.AlignVCenter, name)
        painter.setPen(QColor(p.text))
        painter.drawText(line, _ALIGN.AlignRight | _ALIGN.AlignVCenter, value)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_selection(painter: QPainter, at: Geometry, begin: float, end: float, p: Palette) -> None:
    """The range that is being dragged, in pixels."""
    area = QRectF(QPointF(min(begin, end), at.rect.top()), QPointF(max(begin, end), at.rect.bottom()))
    shade = QColor(p.accent)
    shade.setAlphaF(0.14)
    painter.fillRect(area, shade)
    painter.setPen(QPen(QColor(p.accent), 1))
    painter.drawLine(area.topLeft(), area.bottomLeft())
    painter.drawLine(area.topRight(), area.bottomRight())
