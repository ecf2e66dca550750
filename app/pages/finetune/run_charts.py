"""The loss of the assistant's tokens, and the four small charts below it, over one shared axis."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.finetune import run_inspections as inspections
from app.pages.finetune.run_readouts import percent
from app.pages.finetune.tuning_run import TuningRun
from app.theme.type import M
from app.widgets.inspection import Inspection
from app.widgets.metric_chart import MetricChart, SmallChart
from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_plot import MetricPlot, Trace, TraceStyle
from app.widgets.metric_series import MetricSeries, XAxis
from engine.events import RunState

_SMALL = 112


class TuningCharts(QWidget):
    """inspected(Inspection | None): a step is under the crosshair, or none any more."""

    inspected = Signal(object)

    def __init__(self, run: TuningRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.link = ChartLink(run.loss, self)
        self.link.axis = XAxis.STEP
        self.loss = MetricChart(
            "Loss",
            "nats per trained token",
            self.link,
            [Trace(run.loss, "train", TraceStyle.FOCUS), Trace(run.held_out, "held-out", TraceStyle.VALIDATION)],
            smoothing=0.8,  # a fine-tuning has a few hundred steps, and its loss falls at once
        )
        self.loss.setMinimumHeight(200)
        self.loss.log_key.setContext(Qt.ShortcutContext.WindowShortcut)
        whole = (0.0, 1.0)
        self.exact = self._small("Exact answers", run.exact, "exact answers", _share, "Exact", least=whole)
        self.stopped = self._small("Ended by themselves", run.stopped, "ended", _share, "Ended", least=whole)
        self.first = self._small("First token", run.first_token, "probability", _share, least=whole)
        self.kept = self._small("Pretraining loss", run.pretraining, "loss", _nats, "Pretraining", from_zero=False)
        self._connect_inspector()
        small = QHBoxLayout()
        small.setSpacing(M)
        for chart in self.small_charts:
            small.addWidget(chart, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.loss, 1)
        layout.addLayout(small)

    @property
    def small_charts(self) -> tuple[SmallChart, ...]:
        return self.exact, self.stopped, self.first, self.kept

    @property
    def plots(self) -> tuple[MetricPlot, ...]:
        return self.loss.plot, *(chart.plot for chart in self.small_charts)

    def data_changed(self) -> None:
        """New points, marks or a new plan."""
        run = self._run
        self.link.total_steps = 0.0 if run.state is RunState.DONE else float(run.steps)
        self.link.marks = run.marks
        self.first.set_right("of the answer")
        asked = next((check.asked for check in reversed(run.checks.values()) if check.asked), 0)
        self.exact.set_right(f"{asked:,} asked" if asked else "")
        self.stopped.set_right("goal 99%")
        before = run.pretraining.values
        self.kept.plot.set_level(float(before[0]) if len(before) else math.nan)
        self.kept.set_right("" if math.isnan(run.forgotten) else f"{run.forgotten:+.3f} nats")
        self.loss.data_changed()
        for chart in self.small_charts:
            chart.data_changed()

    def _small(
        self,
        title: str,
        series: MetricSeries,
        label: str,
        words: Callable[[float], tuple[str, str]],
        narrow: str = "",
        *,
        from_zero: bool = True,
        least: tuple[float, float] | None = None,
    ) -> SmallChart:
        trace = Trace(series, label)
        chart = SmallChart(title, self.link, trace, words, narrow=narrow, from_zero=from_zero, least=least)
        chart.setFixedHeight(_SMALL)
        return chart

    def _connect_inspector(self) -> None:
        explained: tuple[tuple[MetricPlot, Callable[[TuningRun, float | None], Inspection]], ...] = (
            (self.loss.plot, inspections.loss),
            (self.exact.plot, inspections.exact_answers),
            (self.stopped.plot, inspections.stopped),
            (self.first.plot, inspections.first_token),
            (self.kept.plot, inspections.pretraining),
        )
        for plot, words in explained:
            plot.inspected.connect(lambda step, words=words: self._inspect(step, words))

    def _inspect(self, step: float | None, words: Callable[[TuningRun, float | None], Inspection]) -> None:
        self.inspected.emit(None if step is None else words(self._run, step))


def _share(value: float) -> tuple[str, str]:
    return percent(value), ""


def _nats(value: float) -> tuple[str, str]:
    return f"{value:.3f}", "nats"
