"""Charts of a run's metrics: a large one with its controls, and a small one with one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QGuiApplication,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QWidget

from app.theme.palette import colors, mix
from app.theme.type import font
from app.widgets.buttons import ToolButton
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.metric_chart_export import picture, save_csv, save_png, save_svg
from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_paint import dotted
from app.widgets.metric_chart_plot import MetricPlot, Shown, Trace, TraceStyle
from app.widgets.metric_chart_scale import compact, tick_text
from app.widgets.metric_series import XAxis
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.tag import Tag
from engine.errors import CutawayError

SMOOTHINGS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
_ROOM_FOR_LEGEND = 860
_ROOM_FOR_UNITS = 220
_X_NAMES = {XAxis.TOKENS: "tokens", XAxis.STEP: "step", XAxis.SECONDS: "time"}


class MetricChart(Panel):
    """traces: the first one is in focus. unit: of the y axis, for example "nats per token".

    L turns the logarithmic axis on and off while the focus is in the chart (`log_key`: a page with one chart may
    widen its context to the window). trouble(CutawayError): an export went wrong.
    """

    trouble = Signal(object)

    def __init__(
        self,
        title: str,
        unit: str,
        link: ChartLink,
        traces: Sequence[Trace],
        *,
        log: bool = True,
        smoothing: float = 0.9,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, parent=parent, margins=(16, 10, 8, 2))
        self._unit, self._link = unit, link
        for trace in traces:
            if trace.style is TraceStyle.FOCUS:
                trace.series.set_smoothing(smoothing)
        self.plot = MetricPlot(link, traces, log=log)
        self.plot.setAccessibleName(f"{title}, {unit}")
        self.setMinimumWidth(480)
        self._badge = Tag("", small=True)
        self._x = self._build_x()
        self._smoothing = self._build_smoothing(smoothing)
        self._legend = Legend(traces)
        self.add_left(self._legend)
        for control in (self._badge, self._x, self._smoothing, self._build_export(title)):
            self.add_control(control)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self.plot, 1)
        self.log_key = QShortcut(QKeySequence("L"), self)
        self.log_key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.log_key.activated.connect(self.toggle_log)
        self.plot.drawn.connect(self._show_badge)
        self._say_scale()

    def data_changed(self) -> None:
        self.plot.data_changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        # The lines are named at their ends too, so in a narrow window the legend goes first.
        self._legend.setVisible(event.size().width() >= _ROOM_FOR_LEGEND)
        super().resizeEvent(event)

    def toggle_log(self) -> None:
        self.plot.set_log(not self.plot.log)
        self._say_scale()

    def _build_x(self) -> Combo:
        combo = Combo(small=True, prefix="x:", name="What runs along the bottom")
        for axis, name in _X_NAMES.items():
            combo.add(name, data=axis)
        combo.choose(self._link.axis)
        combo.setToolTip("What runs along the bottom: tokens seen, optimizer steps or working time")
        combo.currentIndexChanged.connect(lambda _: self._link.set_axis(XAxis(combo.currentData())))
        return combo

    def _build_smoothing(self, smoothing: float) -> Combo:
        combo = Combo(small=True, prefix="smoothing", name="Smoothing")
        for weight in SMOOTHINGS:
            combo.add(f"{weight:.2f}" if weight else "none", data=weight)
        combo.choose(smoothing)
        combo.setToolTip("Debiased exponential average over all points; 0.90 looks back about ten steps")
        combo.currentIndexChanged.connect(lambda _: self._smooth(combo.currentData()))
        return combo

    def _build_export(self, title: str) -> ToolButton:
        button = ToolButton("ph.export", "Take this chart out: picture, drawing or numbers")
        menu = QMenu(button)
        for text, ending, save in (
            ("Save as PNG picture ...", "png", lambda path: save_png(self, path)),
            ("Save as SVG drawing ...", "svg", lambda path: save_svg(self, path)),
            ("Save all points as CSV ...", "csv", lambda path: save_csv(self.plot.traces, path)),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, e=ending, s=save: self._save(title, e, s))
        menu.addAction("Copy picture").triggered.connect(lambda: QGuiApplication.clipboard().setImage(picture(self)))
        button.clicked.connect(lambda: menu.popup(button.mapToGlobal(button.rect().bottomLeft())))
        return button

    def _save(self, title: str, ending: str, save: Callable[[Path], None]) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save chart", f"{title.lower()}.{ending}", f"*.{ending}")
        if name:
            self.export(Path(name), save)

    def export(self, path: Path, save: Callable[[Path], None]) -> None:
        try:
            save(path)
        except CutawayError as error:
            self.trouble.emit(error)

    def _smooth(self, weight: float) -> None:
        for trace in self.plot.traces:
            if trace.style is TraceStyle.FOCUS:
                trace.series.set_smoothing(weight)
        self._legend.update()
        self._link.changed.emit()

    def _say_scale(self) -> None:
        self.set_subtitle(f"{self._unit}, {'log' if self.plot.log else 'linear'} scale")

    def _show_badge(self) -> None:
        self._badge.set(badge_text(self.plot.shown))


def badge_text(shown: Shown) -> str:
    """What is drawn of what there is, and what has no place in the picture."""
    if not shown.total:
        return "no points yet"
    if shown.points < shown.in_view:
        text = f"{compact(shown.points)} of {compact(shown.in_view)} points shown"
    elif shown.in_view < shown.total:
        text = f"{compact(shown.in_view)} of {compact(shown.total)} points in view"
    else:
        text = f"all {compact(shown.total)} points shown"
    if shown.gaps:
        text += f", {shown.gaps} not a number"
    if shown.hidden:
        text += f", {shown.hidden} at or below 0 not on a log axis"
    return text


class SmallChart(Panel):
    """One line over the shared x axis, its value at 15 px, a word under each end.

    words: value -> (number, unit), for now and for the step under the crosshair. left: what stands under the
    left end, made from the bounds of the y axis; right: a fixed note under the right one. narrow: the title where
    there is little room; units then go too. least: the y axis holds at least this range.
    now: the newest value, where that is not the last point's.
    """

    def __init__(
        self,
        title: str,
        link: ChartLink,
        trace: Trace,
        words: Callable[[float], tuple[str, str]],
        *,
        right: str = "",
        narrow: str = "",
        from_zero: bool = True,
        least: tuple[float, float] | None = None,
        now: Callable[[], float] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent=parent, margins=(10, 8, 10, 6))
        self._now = now
        self._link, self._trace, self._words, self._extra = link, trace, words, ""
        self.setAccessibleName(title)
        self.setMinimumWidth(150)
        self.plot = MetricPlot(link, [trace], compact=True, from_zero=from_zero, least=least)
        self.plot.setAccessibleName(title)
        self._readout = Readout("", size=15, right=True)
        self._foot_left, self._foot_right = Label("", "muted", 11), Label(right, "muted", 11)
        self.body.setSpacing(2)
        self._names = (title, narrow or title)
        self._name = Label(title, "muted")
        self.body.addLayout(_row(self._name, self._readout))
        self.body.addWidget(self.plot, 1)
        self.body.addLayout(_row(self._foot_left, self._foot_right))
        self.plot.drawn.connect(self.say)
        link.moved.connect(self.say)

    def data_changed(self) -> None:
        self.plot.data_changed()

    def set_extra(self, extra: str) -> None:
        """Behind the unit while the crosshair is elsewhere, for example "clipped 3%"."""
        self._extra = extra

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._name.setText(self._names[0 if self._is_wide() else 1])
        super().resizeEvent(event)

    def _is_wide(self) -> bool:
        return self.width() >= _ROOM_FOR_UNITS

    def set_right(self, text: str) -> None:
        self._foot_right.setText(text)

    def say(self) -> None:
        """Puts the newest number, or that of the step under the crosshair, above the line."""
        if not self.isVisible():
            return
        if not len(self._trace.series):  # another run, which was not looked at yet
            self._readout.set_value("", "")
            self._foot_left.setText("")
            return
        cursor = self._link.cursor
        series = self._trace.series
        place = -1 if cursor is None else series.nearest(XAxis.STEP, cursor)
        newest = self._now() if self._now is not None and cursor is None else math.nan
        value, unit = self._words(newest if math.isfinite(newest) else float(series.values[place]))
        power = unit if unit.startswith("×") else ""  # part of the number: without it the number would be another
        parts = (unit, self._extra if cursor is None else "") if self._is_wide() else (power,)
        self._readout.set_value(value, " ".join(part for part in parts if part))
        low, high = self.plot.bounds()
        self._foot_left.setText(f"{tick_text(_round(low))} to {tick_text(_round(high))}")


def _round(value: float) -> float:
    return float(f"{value:.2g}") if value < 1000 else float(f"{value:.3g}")


def _row(left: QWidget, right: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(4, 0, 4, 0)
    row.addWidget(left)
    row.addStretch(1)
    row.addWidget(right)
    return row


class Legend(QWidget):
    """The lines of a chart with their names, as they are drawn."""

    def __init__(self, traces: Sequence[Trace], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces = tuple(traces)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _entries(self) -> list[tuple[str, str]]:
        entries = []
        for trace in self._traces:
            entries.append((trace.label, trace.style.value))
            if trace.style is TraceStyle.FOCUS and trace.series.smoothing > 0:
                entries.append(("raw", "raw"))
        return entries

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(font(11))
        return QSize(sum(metrics.horizontalAdvance(text) + 48 for text, _ in self._entries()) + 4, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setFont(font(11))
        metrics = QFontMetrics(painter.font())
        x, middle = 4.0, 8.5
        for text, style in self._entries():
            pens = {
                "focus": QPen(QColor(p.focused), 2),
                "raw": QPen(mix(p.focused, p.surface, 0.36), 1),
                "line": QPen(QColor(p.focused), 1),
                "validation": dotted(p.validation, 1.5),
            }
            painter.setPen(pens[style])
            painter.drawLine(QPointF(x, middle), QPointF(x + 20, middle))
            if style == "validation":
                painter.setPen(QPen(QColor(p.validation), 1))
                painter.setBrush(QColor(p.surface))
                painter.drawRect(QRectF(x + 7.5, middle - 2.5, 5, 5))
            painter.setPen(QColor(p.muted))
            painter.drawText(QPointF(x + 28, middle + metrics.capHeight() / 2), text)
            x += 48 + metrics.horizontalAdvance(text)
