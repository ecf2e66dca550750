"""What this run really uses, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.pages.train.parallel import parallel
from app.pages.train.run_model import TrainRun
from app.widgets.effective_values import ORIGIN_WORDS, effective_values, value_words
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, duration
from app.widgets.panel import Panel
from app.widgets.value_table import ValueTable
from engine.events import RunState
from engine.launch.recipe import Recipe
from engine.stages.pretrain import Config


class SettingsPanel(Panel):
    """inspected(Inspection | None): a row is under the pointer."""

    inspected = Signal(object)

    def __init__(self, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__("Settings of this run", parent=parent, margins=(16, 10, 6, 6))
        self._run = run
        self._shown: tuple[Any, ...] = ()
        self._settled: tuple[dict[str, Any] | None, list[tuple[str, str, str]]] = (None, [])
        self._wide = True
        self.table = ValueTable("Settings of this run")
        self.table.cellEntered.connect(self._inspect)
        self.table.left.connect(lambda: self.inspected.emit(None))
        self.body.addWidget(self.table)

    def set_wide(self, wide: bool) -> None:
        self._wide = wide

    def show_run(self, recipe: Recipe | None) -> None:
        plan = self._run.plan
        if plan is None:
            self.set_subtitle("settled when training begins")
            self._fill([])
            return
        self.set_subtitle(f"{compact(plan['estimate']['parameters'])} parameters" if self._wide else "")
        if self._settled[0] is not plan:
            values = effective_values(plan, recipe, "pretrain")
            self._settled = (plan, [(name, value_words(value), origin) for name, value, origin in values])
        self._fill([*self._costs(plan), *self._settled[1]])

    def _costs(self, plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        """What it takes beside what was estimated before Start."""
        run, expected = self._run, plan["estimate"]
        whole = run.seconds if run.state is RunState.DONE else run.seconds + run.seconds_left
        if whole == whole:
            yield "time", duration(whole), f"est. {duration(expected['seconds'])}"
        if run.compile_seconds:
            yield "compiling", duration(run.compile_seconds), "counted in time"
        if run.memory_bytes:
            yield "memory", f"{run.memory_bytes / 1e9:.2f} GB", f"est. {expected['memory_bytes'] / 1e9:.2f}"
        yield "processes", f"{plan.get('processes', 1)}", "how?"

    def _fill(self, rows: list[tuple[str, str, str]]) -> None:
        if tuple(rows) != self._shown:
            self._shown = tuple(rows)
            self.table.fill(rows)

    def _inspect(self, row: int, column: int) -> None:
        name, value, origin = self._shown[row]
        if name == "processes":
            self.inspected.emit(parallel(self._run))
            return
        field = Config.model_fields.get(name)
        self.inspected.emit(
            Inspection(
                name,
                f"{value}, {ORIGIN_WORDS.get(origin, origin)}",
                words=(field.description or "") if field else _COMPUTED.get(name, ""),
                rows=(("value", value, "accent"), ("comes from", ORIGIN_WORDS.get(origin, origin))),
                subject="run",
                fixed=True,
            )
        )


_COMPUTED = {
    "vocab_size": "Tokens that the tokenizer knows.",
    "batch_rows": "Rows of one update: batch tokens divided by the context length.",
    "rope_theta": "Base of the rotary positions: the slowest wave that tells places apart.",
    "norm_eps": "A small number that keeps a division from failing.",
    "time": "Working time of pretraining, beside the estimate from before Start.",
    "compiling": "What torch.compile took before the first step, each time the run began or was resumed.",
    "memory": "Most memory that the process held, beside the estimate from before Start.",
}
