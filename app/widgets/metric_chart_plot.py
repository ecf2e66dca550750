"""The plot of a chart: lines by pyqtgraph, handed ready-thinned; everything else painted around them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors, mix
from app.widgets import metric_chart_paint as paint
from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_pace import RepaintPace
from app.widgets.metric_chart_paint import EndLabel, Geometry
from app.widgets.metric_chart_pointer import PointedPlot
from app.widgets.metric_chart_scale import number, x_text
from app.widgets.metric_series import MetricSeries, Thinned, XAxis
from app.widgets.metric_series_pyramid import FloatArray

_RAW_BUDGET = 4000
_SMOOTH_BUDGET = 900
_SHAPE_BUDGET = 200
_RAW_SHARE = 0.36
_NAMES_WIDTH = 108
_MARGINS, _COMPACT_MARGINS = (40, 12, 9, 32), (4, 2, 4, 2)


class TraceStyle(StrEnum):
    """FOCUS: the run in focus, raw and faint behind its average. VALIDATION: dashed with squares. LINE: as it is."""

    FOCUS = "focus"
    VALIDATION = "validation"
    LINE = "line"


@dataclass(frozen=True)
class Trace:
    """label: how callout, end label and exported column name it."""

    series: MetricSeries
    label: str
    style: TraceStyle = TraceStyle.LINE


@dataclass(frozen=True)
class Shown:
    """What of a chart's first trace is drawn. in_view: points of the visible range; hidden: those that a
    logarithmic axis has no place for; gaps: those that are not numbers."""

    points: int = 0
    in_view: int = 0
    total: int = 0
    hidden: int = 0
    gaps: int = 0


class MetricPlot(PointedPlot):
    """Lines of one unit over a shared x axis. compact: no numbers on the axes, for small charts.

    from_zero: the y axis begins at 0; least: it holds at least this range. Repaints by
    itself when the link changes; call `data_changed` for new points.
    drawn: a picture was made of the newest data.
    """

    drawn = Signal()

    _ready = False  # Qt tells of the palette while pyqtgraph is still building

    def __init__(
        self,
        link: ChartLink,
        traces: Sequence[Trace],
        *,
        compact: bool = False,
        log: bool = False,
        from_zero: bool = False,
        least: tuple[float, float] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(link, parent)
        self._least = least
        self.traces = tuple(traces)
        self.log, self.compact, self.from_zero = log, compact, from_zero
        self.planned: tuple[FloatArray, FloatArray] = (np.empty(0), np.empty(0))
        self.level = math.nan
        self.shown = Shown()
        self.pace = RepaintPace(self.refresh, self)
        self._stale, self._fresh = True, False
        self._y = (0.0, 1.0)
        self._gaps: FloatArray = np.empty(0)
        self._squares: Thinned | None = None
        self._prepare_view()
        self._items = {place: self._line() for place in range(2 * len(self.traces) + 1)}
        self._ready = True
        self._restyle()
        link.changed.connect(self._follow_link)
        link.moved.connect(self._on_moved)

    def _prepare_view(self) -> None:
        item = self.getPlotItem()
        for axis in ("left", "bottom"):
            item.hideAxis(axis)
        item.hideButtons()
        item.layout.setContentsMargins(*(_COMPACT_MARGINS if self.compact else _MARGINS))
        # Every change here asks for one repaint of all; the scene's own would come on top of it.
        self.setViewportUpdateMode(self.ViewportUpdateMode.NoViewportUpdate)
        item.vb.setMouseEnabled(x=False, y=False)
        item.vb.disableAutoRange()
        item.vb.setDefaultPadding(0.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFrameShape(self.Shape.NoFrame)

    def _line(self) -> pg.PlotDataItem:
        line = pg.PlotDataItem(autoDownsample=True, downsampleMethod="peak", antialias=True)
        self.addItem(line)
        return line

    # What it shows

    def data_changed(self) -> None:
        """There are new points: a picture of them follows soon, or when the chart comes into view."""
        self._stale = True
        if self.isVisible():
            self.pace.ask()

    def set_log(self, log: bool) -> None:
        self.log = log
        self._follow_link()

    def set_planned(self, steps: FloatArray, values: FloatArray) -> None:
        """What is planned for steps to come, dotted."""
        self.planned = (steps, values)
        self.data_changed()

    def set_level(self, value: float) -> None:
        """A value to compare with, as a stroke across the plot; NaN for none."""
        if value != self.level and not (math.isnan(value) and math.isnan(self.level)):
            self.level = value
            self.data_changed()

    def refresh(self) -> None:
        """Thins what is in view, fits the y axis to it, and paints."""
        self._stale, self._fresh = False, True
        low, high = self._x_range()
        spans: list[FloatArray] = []
        self._gaps, self._squares = np.empty(0), None
        for place, trace in enumerate(self.traces):
            spans.append(self._show_trace(place, trace, low, high))
        spans.append(self._show_planned(low, high))
        spans.append(np.array([self.level]))
        self._y = self._fit(np.concatenate(spans) if spans else np.empty(0))
        self.getPlotItem().vb.setRange(xRange=(low, high), yRange=self._y, padding=0)
        self._repaint_all()
        self.drawn.emit()

    def _show_trace(self, place: int, trace: Trace, low: float, high: float) -> FloatArray:
        """Hands the lines to pyqtgraph. Returns the values that the y axis must hold."""
        focus = trace.style is TraceStyle.FOCUS
        budget = _RAW_BUDGET if not self.compact else _RAW_BUDGET // 2
        raw = trace.series.thinned(self.link.axis, low, high, budget)
        self._set_line(2 * place, raw.x, raw.y)
        smooth = focus and trace.series.smoothing > 0
        if smooth:
            average = trace.series.thinned(self.link.axis, low, high, _SMOOTH_BUDGET, smooth=True)
            self._set_line(2 * place + 1, average.x, average.y)
        self._items[2 * place + 1].setVisible(smooth)
        if trace.style is TraceStyle.VALIDATION:
            self._squares = trace.series.thinned(self.link.axis, low, high, _SHAPE_BUDGET)
        if place == 0:
            self._gaps = raw.gaps
            finite = np.isfinite(raw.y)
            hidden = int((finite & (raw.y <= 0)).sum()) if self.log else 0
            points = min(raw.shown, raw.total)
            self.shown = Shown(points, raw.total, len(trace.series), hidden, int((~finite).sum()))
        return raw.y

    def _show_planned(self, low: float, high: float) -> FloatArray:
        steps, values = self.planned
        ahead = steps >= (self.link.clock.x(XAxis.STEP)[-1] if len(self.link.clock) else 0)
        places = self.link.places(steps[ahead]) if ahead.any() else np.empty(0)
        self._set_line(2 * len(self.traces), places, values[ahead])
        return values[ahead][(places >= low) & (places <= high)]

    def _set_line(self, place: int, x: FloatArray, y: FloatArray) -> None:
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                y = np.where(y > 0, np.log10(np.where(y > 0, y, 1.0)), np.nan)
        whole = bool(np.isfinite(y).all())
        broken = y if whole else np.where(np.isfinite(y), y, np.nan)
        self._items[place].setData(x, broken, connect="all" if whole else "finite", skipFiniteCheck=whole)

    def _fit(self, values: FloatArray) -> tuple[float, float]:
        values = values[np.isfinite(values) & ((values > 0) | (not self.log))]
        if not len(values):
            return (0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        if self.from_zero and not self.log:
            low = min(low, 0.0)
        if self._least is not None:
            low, high = min(low, self._least[0]), max(high, self._least[1])
        if self.log:
            low, high = math.log10(low), math.log10(high)
        spread = (high - low) or max(abs(high), 1e-6) * 0.2
        if self.compact:
            return (low if self.from_zero else low - 0.05 * spread, low + spread)
        return (low if self.from_zero and low == 0 else low - 0.07 * spread, high + 0.05 * spread)

    def geometry_now(self) -> Geometry:
        left, top, right, bottom = _COMPACT_MARGINS if self.compact else _MARGINS
        rect = QRectF(left, top, max(self.width() - left - right, 1), max(self.height() - top - bottom, 1))
        low, high = self._x_range()
        return Geometry(rect, low, high, self._y[0], self._y[1], self.log)

    def _x_range(self) -> tuple[float, float]:
        """What is in view; at the end of a run with room for the names of the lines."""
        low, high = self.link.view()
        if self.compact or self.link.window is not None or not len(self.link.clock):
            return low, high
        left, _, right, _ = _MARGINS
        free = 1.0 - _NAMES_WIDTH / max(self.width() - left - right, 2 * _NAMES_WIDTH)
        return low, max(high, self.link.now / free)

    def bounds(self) -> tuple[float, float]:
        """The lowest and highest value that the y axis has room for."""
        low, high = self._y
        return (10**low, 10**high) if self.log else (low, high)

    # Painting

    def _repaint_all(self) -> None:
        """pyqtgraph keeps the background as a picture, so that a moving crosshair does not draw the grid anew."""
        self.resetCachedContent()
        self.viewport().update()

    def _restyle(self) -> None:
        p = colors(self)
        self.setBackground(QColor(p.surface))
        for place, trace in enumerate(self.traces):
            focus = trace.style is TraceStyle.FOCUS and trace.series.smoothing > 0
            line, average = self._items[2 * place], self._items[2 * place + 1]
            if trace.style is TraceStyle.VALIDATION:
                line.setPen(_dashed(p.validation))
            else:
                line.setPen(pg.mkPen(mix(p.focused, p.surface, _RAW_SHARE) if focus else p.focused, width=1))
            average.setPen(pg.mkPen(p.focused, width=2))
            line.setZValue(2 if trace.style is TraceStyle.VALIDATION else 0)
            average.setZValue(1)
        self._items[2 * len(self.traces)].setPen(paint.dotted(p.border, 1.0))

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        super().drawBackground(painter, rect)
        p, at = colors(self), self.geometry_now()
        painter.save()
        painter.resetTransform()
        if not self.compact:
            paint.paint_future(painter, at, self.link, p)
            paint.paint_grid(painter, at, self.link, p)
        else:
            paint.paint_compact_frame(painter, at, p)
        paint.paint_level(painter, at, self.level, p)
        painter.restore()

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        p, at = colors(self), self.geometry_now()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self._squares is not None:
            paint.paint_squares(painter, at, self._squares.x.tolist(), self._squares.y.tolist(), p)
        paint.paint_gaps(painter, at, self._gaps.tolist(), p)
        paint.paint_marks(painter, at, self.link, p, named=not self.compact)
        self._paint_ends(painter, at, p)
        self._paint_cursor(painter, at, p)
        if self.drag is not None:
            paint.paint_selection(painter, at, *self.drag, p)
        if self.hasFocus():
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.restore()

    def _paint_ends(self, painter: QPainter, at: Geometry, p: Palette) -> None:
        labels = []
        for trace in self.traces:
            if not len(trace.series):
                continue
            value = trace.series.newest(smooth=trace.style is TraceStyle.FOCUS)
            if trace.style is not TraceStyle.VALIDATION:
                paint.paint_end(painter, at, float(trace.series.x(self.link.axis)[-1]), value, p.focused)
            color = p.validation_text if trace.style is TraceStyle.VALIDATION else p.focused
            if math.isfinite(value):
                labels.append(EndLabel(at.py(value), f"{number(value)} {trace.label}", color))
        if not self.compact and self.link.window is None:
            paint.paint_end_labels(painter, at, at.px(self.link.now), [x for x in labels if not math.isnan(x.row)])

    def _paint_cursor(self, painter: QPainter, at: Geometry, p: Palette) -> None:
        if self.link.cursor is None or not self.traces:
            return
        x = self.link.place(self.link.cursor)
        points = [(t, t.series.nearest(self.link.axis, x)) for t in self.traces if len(t.series)]
        dots = [(float(t.series.values[i]), p.focused) for t, i in points if t.style is not TraceStyle.VALIDATION]
        paint.paint_crosshair(painter, at, x, dots, p)
        if self.pointed and not self.compact and points:
            row = at.py(dots[0][0]) if dots else at.rect.center().y()
            row = at.rect.center().y() if math.isnan(row) else row
            paint.paint_callout(painter, at, x, row, self._callout(points), p)

    def _callout(self, points: Sequence[tuple[Trace, int]]) -> list[tuple[str, str]]:
        first, index = points[0]
        axis = self.link.axis
        unit = " tokens" if axis is XAxis.TOKENS else ""
        where = "" if axis is XAxis.STEP else f"{x_text(axis, float(first.series.x(axis)[index]))}{unit}"
        lines = [(f"step {first.series.x(XAxis.STEP)[index]:,.0f}", where)]
        for trace, place in points:
            step, value = trace.series.x(XAxis.STEP)[place], float(trace.series.values[place])
            late = "" if trace.style is not TraceStyle.VALIDATION else f" at step {step:,.0f}"
            lines.append((f"{trace.label}{late}", exact(value)))
            if trace.style is TraceStyle.FOCUS and trace.series.smoothing > 0:
                lines.append((f"smoothed {trace.series.smoothing:g}", exact(float(trace.series.smoothed()[place]))))
        return lines

    # Events

    def _follow_link(self) -> None:
        """What a person changed is shown at once."""
        self._stale = True
        self._restyle()
        if self.isVisible():
            self.pace.now()

    def _on_moved(self) -> None:
        if self.isVisible():
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        began, fresh = time.perf_counter(), self._fresh
        self._fresh = False
        super().paintEvent(event)
        if fresh:  # what a moving pointer costs is a person's own wish
            self.pace.add_cost(time.perf_counter() - began)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.pace.now()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._repaint_all()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if self._ready and event.type() is QEvent.Type.PaletteChange:
            self._restyle()
            self._repaint_all()


def exact(value: float) -> str:
    """A recorded value with all the digits that mean something."""
    return f"{value:,.5g}" if math.isfinite(value) else number(value)


def _dashed(color: str) -> QPen:
    pen = QPen(QColor(color), 1.5)
    pen.setCosmetic(True)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setDashPattern([5 / 1.5, 4 / 1.5])
    return pen
