"""Before Start: one sentence, one button, what it will look like; and every setting for those who want it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages.train.start_plan import Outlook, look_ahead, preset_settings, wants_text
from app.theme.type import L, M, S
from app.widgets.buttons import Button
from app.widgets.combo import Combo
from app.widgets.config_form import ConfigForm
from app.widgets.cost_words import FIRST, cost_words
from app.widgets.label import Label
from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_plot import MetricPlot, Trace, TraceStyle
from app.widgets.metric_series import MetricSeries, XAxis
from app.widgets.panel import Panel
from engine.errors import CutawayError
from engine.launch.recipe import load_recipe, preset_names
from engine.stages.pretrain import Config

_ESSENTIAL = (
    "depth", "steps", "d_model", "n_head", "context_length", "batch_tokens", "learning_rate", "dropout", "weight_decay",
)  # fmt: skip


class StartView(QWidget):
    """started(Recipe): begin this. left(): back to the runs there are."""

    started = Signal(object)
    left = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._texts: tuple[Path, ...] = ()
        self.form = ConfigForm(Config, _ESSENTIAL)
        self.presets = Combo(name="Recipe")
        for name in preset_names():
            self.presets.add(name, data=name)
        self.cost = Label("", "muted", 11, wrap=True)
        self.trouble = Label("", "danger", 11, wrap=True)
        self.start = Button("Start with these settings", icon="ph.play")
        self.first = Button(f"Start {FIRST}", "primary", "ph.play")
        self.back = Button("Back to the runs", "quiet", "ph.arrow-left")
        self.cost_first = Label("", "muted", 11)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self._build_left(), 4)
        layout.addWidget(self._build_right(), 7)
        self._connect()
        self.presets.choose(FIRST)
        self._choose()

    def _build_left(self) -> QWidget:
        panel = Panel(margins=(24, 24, 24, 16))
        sentence = Label("Training turns text into a model that writes, one guess at a time.", size=20, wrap=True)
        row = QHBoxLayout()
        row.setSpacing(M)
        row.addWidget(self.first)
        row.addWidget(self.cost_first, 1)
        row.addWidget(self.back)
        panel.body.addWidget(sentence)
        panel.body.addSpacing(S)
        panel.body.addLayout(row)
        panel.body.addSpacing(L)
        panel.body.addWidget(Label("What you will see: the loss falls as the model learns", "muted", 11))
        panel.body.addWidget(_example(), 1)
        panel.body.addWidget(
            Label(
                f"A sketch of {FIRST} on a laptop with two cores: from 6.9 to 0.53 in about three minutes",
                "muted",
                11,
                wrap=True,
            )
        )
        return panel

    def _build_right(self) -> QWidget:
        panel = Panel("Or set it yourself", "every value, and where it comes from", margins=(16, 12, 6, 12))
        panel.add_control(self.presets)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.form)
        self.form.setAutoFillBackground(False)
        scroll.viewport().setAutoFillBackground(False)
        self.form.setContentsMargins(0, 0, 10, 0)
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 0, 10, 0)
        foot.setSpacing(M)
        words = QVBoxLayout()
        words.addWidget(self.cost)
        words.addWidget(self.trouble)
        foot.addLayout(words, 1)
        foot.addWidget(self.start)
        panel.body.addWidget(scroll, 1)
        panel.body.addLayout(foot)
        return panel

    def _connect(self) -> None:
        self.presets.activated.connect(lambda _: self._choose())
        self.form.changed.connect(self._reckon)
        self.start.clicked.connect(self._start)
        self.first.clicked.connect(self._start_first)
        self.back.clicked.connect(self.left)

    def shown(self) -> None:
        """What this computer was measured to do may be known better by now."""
        self._reckon_first()
        self._reckon()

    def outlook(self) -> Outlook:
        return look_ahead(self._desk.workspace, self.presets.currentData(), self.form.entered(), self._texts)

    def _choose(self) -> None:
        self._texts = ()
        try:
            self.form.set_preset(preset_settings(self.presets.currentData()))
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    def _reckon(self) -> None:
        """Derived values and costs follow every key."""
        self.start.setEnabled(False)
        self.trouble.setVisible(True)
        self.cost.setVisible(False)
        if self.form.errors():
            self.trouble.setText("One of the values is out of bounds.")
            return
        try:
            outlook = self.outlook()
        except CutawayError as error:
            self.trouble.setText(f"{error.what} {error.why} {error.remedy}")
            return
        self.form.set_derived(outlook.values())
        self.cost.setText(outlook.words())
        self.trouble.setVisible(False)
        self.cost.setVisible(True)
        self.start.setEnabled(True)
        self.start.set_text("Choose a text and start" if wants_text(outlook.recipe) else "Start with these settings")

    def _reckon_first(self) -> None:
        try:
            outlook = look_ahead(self._desk.workspace, FIRST, {})
        except CutawayError as error:
            self.first.setEnabled(False)
            self.cost_first.setText(error.what)
            return
        self.first.setEnabled(True)
        self.cost_first.setText(cost_words(outlook.stages))

    def _start(self) -> None:
        try:
            outlook = self.outlook()
            if wants_text(outlook.recipe):
                self._texts = self._ask_for_text()
                if not self._texts:
                    return
                outlook = self.outlook()
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        self.started.emit(outlook.recipe)

    def _start_first(self) -> None:
        self.started.emit(load_recipe(FIRST))

    def _ask_for_text(self) -> tuple[Path, ...]:
        kinds = "Text (*.txt *.md *.jsonl);;All files (*)"
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose the text to learn from", str(Path.home()), kinds)
        return tuple(Path(path) for path in paths)


def _example() -> MetricPlot:
    """The chart of a run that went well, as a picture."""
    steps = np.arange(1.0, 601.0)
    fallen = (1 + steps / 22.0) ** -1.12
    wave = 1 + 0.03 * np.sin(steps * 1.7) * np.sin(steps * 0.61)
    loss, held_out = MetricSeries(), MetricSeries()
    curve = 0.36 + (math.log(1024) - 0.36) * fallen
    loss.extend(steps, steps * 4096, steps * 0.31, curve * wave)
    loss.set_smoothing(0.9)
    looks = steps[49::50]
    held_out.extend(looks, looks * 4096, looks * 0.31, curve[49::50] * 1.04)
    link = ChartLink(loss)
    link.axis = XAxis.STEP
    traces = [Trace(loss, "train", TraceStyle.FOCUS), Trace(held_out, "validation", TraceStyle.VALIDATION)]
    plot = MetricPlot(link, traces, log=True)
    link.setParent(plot)
    plot.setMinimumHeight(160)
    plot.setEnabled(False)
    plot.setAccessibleName("Example of a loss curve")
    return plot
