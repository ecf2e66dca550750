"""The curve and the four small charts below it, over one shared axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.train import gap_words, inspections
from app.pages.train.run_model import TrainRun
from app.theme.type import M
from app.widgets.inspection import Inspection
from app.widgets.metric_chart import MetricChart, SmallChart
from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_plot import MetricPlot, Trace, TraceStyle
from app.widgets.metric_chart_scale import short
from engine.events import RunState
from engine.training.plan import TrainingConfig
from engine.training.schedule import learning_rate

_PLANNED_POINTS = 240
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class TrainCharts(QWidget):
    """inspected(Inspection | None): a step is under the crosshair, or none any more."""

    inspected = Signal(object)

    def __init__(self, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.link = ChartLink(run.loss, self)
        self.loss = MetricChart(
            "Loss",
            "nats per token",
            self.link,
            [Trace(run.loss, "train", TraceStyle.FOCUS), Trace(run.validation, "validation", TraceStyle.VALIDATION)],
        )
        self.loss.setMinimumHeight(220)
        self.setMaximumHeight(304 + M + 112)
        rates = Trace(run.learning_rate, "learning rate")
        self.rate = self._small("Learning rate", rates, _rate_words, "planned", narrow="Rate")
        self.norm = self._small("Gradient norm", Trace(run.grad_norm, "gradient norm"), lambda v: (short(v), ""))
        self.speed = self._small(
            "Tokens per second",
            Trace(run.speed, "tokens per second"),
            lambda v: (f"{v:,.0f}", ""),
            "dips: validation",
            "Tokens/s",
            now=lambda: run.recent_speed,
        )
        self.gap = self._small(
            "Validation gap", Trace(run.gap, "gap"), _gap_words, "near 0 is good", least=gap_words.SCALE
        )
        self.loss.log_key.setContext(Qt.ShortcutContext.WindowShortcut)  # one key, wherever the focus is on this page
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
        return self.rate, self.norm, self.speed, self.gap

    @property
    def plots(self) -> tuple[MetricPlot, ...]:
        return self.loss.plot, *(chart.plot for chart in self.small_charts)

    def data_changed(self) -> None:
        """New points, marks or a new plan."""
        run = self._run
        self.link.total_steps = 0.0 if run.state is RunState.DONE else float(run.steps)
        self.link.marks = run.marks
        clip = float(run.plan["training"]["clip"]) if run.plan else 1.0
        self.norm.set_extra(f"clipped {run.clipped_share:.0%}")
        self.norm.set_right(f"limit {clip:g}")
        self.rate.plot.set_planned(*self._planned_rates())
        self.loss.data_changed()
        for chart in self.small_charts:
            chart.data_changed()

    def _planned_rates(self) -> tuple[np.ndarray, np.ndarray]:
        """The rest of the schedule, with what was set by hand. Steps count from 1, the schedule from 0."""
        run = self._run
        if run.plan is None or run.step >= run.steps or run.state is RunState.DONE:
            return np.empty(0), np.empty(0)
        config = TrainingConfig.model_validate(run.plan["training"])
        steps = np.unique(np.linspace(max(run.step, 1), run.steps, _PLANNED_POINTS).round())
        return steps, np.array([learning_rate(config, int(step) - 1) * run.scale for step in steps])

    def _small(
        self,
        title: str,
        trace: Trace,
        words: Callable[[float], tuple[str, str]],
        right: str = "",
        narrow: str = "",
        least: tuple[float, float] | None = None,
        now: Callable[[], float] | None = None,
    ) -> SmallChart:
        chart = SmallChart(title, self.link, trace, words, right=right, narrow=narrow, least=least, now=now)
        chart.setFixedHeight(112)
        return chart

    def _connect_inspector(self) -> None:
        explained: tuple[tuple[MetricPlot, Callable[[TrainRun, float | None], Inspection]], ...] = (
            (self.loss.plot, inspections.loss),
            (self.rate.plot, inspections.learning_rate),
            (self.norm.plot, inspections.grad_norm),
            (self.speed.plot, inspections.speed),
            (self.gap.plot, inspections.gap),
        )
        for plot, words in explained:
            plot.inspected.connect(lambda step, words=words: self._inspect(step, words))

    def _inspect(self, step: float | None, words: Callable[[TrainRun, float | None], Inspection]) -> None:
        self.inspected.emit(None if step is None else words(self._run, step))


def _rate_words(value: float) -> tuple[str, str]:
    """1.52e-3 as ("1.52", "× 10⁻³")."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return mantissa, f"× 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def _gap_words(value: float) -> tuple[str, str]:
    return f"{value:+.3f}", "nats"
