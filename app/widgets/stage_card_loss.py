"""The picture of a stage that trains: its loss, live, on a log scale, with the future left free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.stage_card_loss_track import LossTrack

_LEFT, _BOTTOM, _TOP = 26.0, 22.0, 6.0
_DIAMOND = 5.0


class LossPicture(QWidget):
    """total: planned steps. guess: the loss of guessing at random, ln(vocab_size), shown before the first step."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._track = LossTrack()
        self._validation: list[tuple[int, float]] = []
        self._total = 0
        self._guess: float | None = None
        self._live = False

    def set_curve(
        self,
        track: LossTrack,
        validation: Sequence[tuple[int, float]],
        *,
        total: int,
        live: bool,
        guess: float | None = None,
    ) -> None:
        """validation: (step, nats per token). live: a dotted line stands where the run is now."""
        self._track, self._validation = track, list(validation)
        self._total, self._live, self._guess = total, live, guess
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(140, 80)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        low, high = self._bounds()
        metrics = QFontMetricsF(font(11))
        widest = max(metrics.horizontalAdvance(f"{value:g}") for value in _grid_values(low, high))
        area = QRectF(self.rect()).adjusted(max(_LEFT, widest + 9), _TOP, -6, -_BOTTOM)
        self._paint_grid(painter, area, low, high, p)
        if self._track.points:
            self._paint_curve(painter, area, low, high, p)
        elif self._guess is not None:
            self._paint_guess(painter, area, low, high, p)

    def _bounds(self) -> tuple[float, float]:
        """Powers of two around everything that is drawn, at least 8 to 0.5."""
        values = [point.low for point in self._track.points] + [point.high for point in self._track.points]
        values += [loss for _, loss in self._validation if math.isfinite(loss) and loss > 0]
        values += [self._guess] if self._guess else []
        # A first step may lie a little above a power of two: not worth an empty half of the chart.
        high = max(2 ** math.ceil(math.log2(max(values, default=8.0) / 1.06)), 1.0)
        low = min(2 ** math.floor(math.log2(max(min(values, default=0.5), 1e-3) * 1.06)), high / 16)
        return low, high

    def _last_step(self) -> int:
        return self._track.points[-1].step if self._track.points else 0

    def _x(self, area: QRectF, step: float) -> float:
        return area.left() + area.width() * min(step / max(self._total, self._last_step(), 1), 1.0)

    def _paint_grid(self, painter: QPainter, area: QRectF, low: float, high: float, p: Palette) -> None:
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        for value in _grid_values(low, high):
            y = round(_y(area, value, low, high)) + 0.5
            painter.setPen(QPen(QColor(p.hairline), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(p.muted))
            box = QRectF(0, y - 8, area.left() - 7, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:g}")
        baseline = area.bottom() + metrics.ascent() + 6
        for step in _step_ticks(self._total):
            text = f"step {step:,}" if step == 0 else f"{step:,}"
            width = metrics.horizontalAdvance(text)
            x = min(max(self._x(area, step) - width / 2, area.left()), area.right() - width)
            painter.drawText(QPointF(x, baseline), text)

    def _paint_curve(self, painter: QPainter, area: QRectF, low: float, high: float, p: Palette) -> None:
        points = self._track.points
        y = _height_of(area, low, high)
        raw, smooth = QPolygonF(), QPolygonF()
        for point in points:
            x = self._x(area, point.step)
            raw.append(QPointF(x, y(point.high)))
            raw.append(QPointF(x, y(point.low)))
            smooth.append(QPointF(x, y(point.smooth)))
        painter.setPen(QPen(mix(p.focused, p.surface, 0.42), 1))
        painter.drawPolyline(raw)
        now = self._x(area, points[-1].step)
        if self._live:
            pen = QPen(QColor(p.accent), 1.5, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([1.4, 2.0])
            painter.setPen(pen)
            painter.drawLine(QPointF(now, area.top()), QPointF(now, area.bottom()))
        painter.setPen(
            QPen(QColor(p.focused), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
        )
        painter.drawPolyline(smooth)
        self._paint_validation(painter, area, low, high, p)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.focused))
        painter.drawEllipse(smooth.last(), 3.5, 3.5)

    def _paint_validation(self, painter: QPainter, area: QRectF, low: float, high: float, p: Palette) -> None:
        painter.setPen(QPen(QColor(p.validation), 1.5))
        painter.setBrush(QColor(p.surface))
        for step, loss in self._validation:
            if math.isfinite(loss) and loss > 0:
                at = QPointF(self._x(area, step), _y(area, loss, low, high))
                painter.drawPolygon(QPolygonF([at + QPointF(dx, dy) for dx, dy in _CORNERS]))

    def _paint_guess(self, painter: QPainter, area: QRectF, low: float, high: float, p: Palette) -> None:
        """Where every run begins: each token as likely as any other."""
        assert self._guess is not None
        y = _y(area, self._guess, low, high)
        pen = QPen(QColor(p.border), 1.5)
        pen.setDashPattern([2, 3])
        painter.setPen(pen)
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(QColor(p.muted))
        words = f"{self._guess:.2f}: a guess at random"
        painter.drawText(QRectF(area.left(), y + 2, area.width(), 16), Qt.AlignmentFlag.AlignRight, words)


_CORNERS = ((0, -_DIAMOND), (_DIAMOND, 0), (0, _DIAMOND), (-_DIAMOND, 0))


def _height_of(area: QRectF, low: float, high: float) -> Callable[[float], float]:
    """The y of a loss. What does not depend on the loss is worked out once: a curve asks some hundred times."""
    start, scale, bottom, height = math.log(low), 1 / math.log(high / low), area.bottom(), area.height()
    log = math.log
    return lambda loss: bottom - height * min(max((log(max(loss, 1e-6)) - start) * scale, 0.0), 1.04)


def _y(area: QRectF, loss: float, low: float, high: float) -> float:
    return _height_of(area, low, high)(loss)


def _grid_values(low: float, high: float) -> Iterator[float]:
    value = high
    while value >= low * 0.999:
        yield value
        value /= 2


def _step_ticks(total: int) -> list[int]:
    """Zero, two to four round numbers, at most `total`."""
    if total <= 0:
        return [0]
    size = 10 ** math.floor(math.log10(total))
    step = next(size * part for part in (0.1, 0.2, 0.5, 1, 2, 5) if total / (size * part) <= 4.01)
    return [round(index * step) for index in range(int(total / step + 1e-9) + 1)]
