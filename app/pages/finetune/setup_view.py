"""Before Start: every setting, what will learn, and what it will cost."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.run_summary import size_words
from app.pages.finetune.bases import Base
from app.pages.finetune.memory_bars import Memory, MemoryBars
from app.pages.finetune.plan_curve import PlanCurve
from app.pages.finetune.run_readouts import percent
from app.pages.finetune.setup_form import SetupForm
from app.pages.finetune.start_plan import Outlook, look_ahead, memory_of, trained_numbers
from app.pages.finetune.trained_map import TrainedMap
from app.theme.type import XL, L, M
from app.widgets.label import Label
from app.widgets.metric_chart_scale import compact
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.timeline import clock
from engine.errors import CutawayError
from engine.launch.forecast_tuning import CHAT_TOKENS, lora_of


class SetupView(QWidget):
    """reckoned(): the outlook follows every key. inspected(Inspection | None).

    outlook: None while something is wrong; `trouble` then says what.
    """

    reckoned = Signal()
    inspected = Signal(object)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._base: Base | None = None
        self._data: dict[str, dict[str, Any]] = {}
        self._problem, self._conversations = "", 0
        self.outlook: Outlook | None = None
        self.trouble = ""
        self.form = SetupForm()
        self.map = TrainedMap()
        self.memory = MemoryBars()
        self.curve = PlanCurve()
        self.trained = Readout("numbers learn", "–", size=28)
        self.share = Readout("of all", "–")
        self.file = Readout("a checkpoint", "–")
        self.costs = {name: Readout(name, "–") for name in ("time", "memory", "disk", "steps", "looks")}
        self._wrong = Label("", "danger", wrap=True)
        self._sure = Label("", "muted", 11, wrap=True)
        self._lay_out()
        self.form.changed.connect(self.reckon)
        for part in (self.form, self.map, self.memory, self.curve):
            part.inspected.connect(self.inspected)
        self.reckon()

    def _lay_out(self) -> None:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self._build_trained())
        column.addWidget(self._build_memory())
        column.addWidget(self._build_costs(), 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(side)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.form, 45)
        layout.addWidget(scroll, 55)

    def _build_trained(self) -> Panel:
        panel = self._trained_panel = Panel("What will learn", margins=(20, 12, 20, 12))
        row = QHBoxLayout()
        row.setSpacing(XL)
        for readout in (self.trained, self.share, self.file):
            row.addWidget(readout)
        row.addStretch(1)
        panel.body.addLayout(row)
        panel.body.addSpacing(M)
        panel.body.addWidget(self.map)
        return panel

    def _build_memory(self) -> Panel:
        panel = Panel("Memory", "all weights against LoRA", margins=(20, 12, 20, 12))
        panel.body.addWidget(self.memory)
        return panel

    def _build_costs(self) -> Panel:
        panel = Panel("What Start will cost", margins=(20, 12, 20, 14))
        row = QHBoxLayout()
        row.setSpacing(L)
        for readout in self.costs.values():
            row.addWidget(readout)
            row.addStretch(1)
        panel.body.addLayout(row)
        panel.body.addWidget(self.curve, 1)
        panel.body.addStretch(0)
        panel.body.addWidget(self._sure)
        panel.body.addWidget(self._wrong)
        return panel

    def begin_with(self, base: Base | None) -> None:
        if base == self._base:
            return
        self._base = base
        model = base.config() if base is not None else None
        if model is not None:
            self.form.fit(model)
        self.reckon()

    def use_data(self, tables: dict[str, dict[str, Any]], problem: str, conversations: int) -> None:
        """tables: of the stages that make the conversations. problem: why they cannot be, "" when they can.
        conversations: how many are trained on, 0 while that is not known."""
        told = (tables, problem, conversations)
        if told != (self._data, self._problem, self._conversations):
            self._data, self._problem, self._conversations = told
            self.reckon()

    @property
    def row_length(self) -> int | None:
        """As it will be; None while something is wrong."""
        return self.outlook.plan.row_tokens if self.outlook else None

    def reckon(self) -> None:
        """Derived values, pictures and costs follow every key."""
        self.outlook, self.trouble = None, ""
        if self._base is None:
            self.trouble = "Choose a model to tune."
        elif self._problem:
            self.trouble = self._problem
        elif self.form.errors():
            self.trouble = "One of the values is out of bounds."
        else:
            try:
                self.outlook = look_ahead(
                    self._base, self._desk.workspace, self._data, self.form.entered(), self._conversations
                )
            except CutawayError as error:
                self.trouble = f"{error.what} {error.why} {error.remedy}"
        if self.outlook is not None:
            self.form.set_derived(self.outlook.values())
            self._show(self.outlook)
        self._wrong.setText(self.trouble)
        self._wrong.setVisible(bool(self.trouble))
        self.reckoned.emit()

    def _show(self, outlook: Outlook) -> None:
        config, model = outlook.config, outlook.model
        lora = lora_of(config, model)
        whole = model.parameters()
        self.trained.set_value(compact(outlook.trained), f"of {compact(whole)}")
        self.share.set_value(percent(outlook.trained / whole))
        kept = 4 * outlook.trained
        self.file.set_value(size_words(kept))
        self.file.set_label("the adapter’s file" if config.method == "lora" else "the model’s file")
        self.map.show_model(model, lora if config.method == "lora" else None, CHAT_TOKENS)
        full = config.model_copy(update={"method": "full"})
        small = config.model_copy(update={"method": "lora"})
        named = f"LoRA, rank {config.rank}: {compact(trained_numbers(small, model))} numbers learn"
        both = (Memory("All weights", memory_of(full, outlook)), Memory(named, memory_of(small, outlook)))
        self.memory.show_memory(both, int(config.method == "lora"))
        self._show_costs(outlook)

    def _show_costs(self, outlook: Outlook) -> None:
        self.curve.show_plan(outlook.plan.training, outlook.looks)
        stages = outlook.stages
        steps = outlook.plan.training.steps
        self.costs["time"].set_value(clock(sum(stage.seconds for stage in stages)))
        self.costs["memory"].set_value(size_words(round(max(stage.memory_bytes for stage in stages))))
        self.costs["disk"].set_value(size_words(round(sum(stage.disk_bytes for stage in stages))))
        self.costs["steps"].set_value(f"{steps:,}")
        self.costs["looks"].set_value(f"{len(outlook.looks):,}")
        measured = all(stage.measured for stage in stages)
        self._sure.setText("" if measured else "A first guess, exact after one run on this computer.")
        self._sure.setVisible(not measured)
