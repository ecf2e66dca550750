"""What a fine-tuning really uses: data, method, every value and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.pages.finetune.dial_words import inspection_of
from app.pages.finetune.tuning_run import TuningRun
from app.widgets.effective_values import ORIGIN_WORDS, effective_values, value_words
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, duration
from app.widgets.panel import Panel
from app.widgets.value_table import ValueTable
from engine.events import RunState
from engine.launch.recipe import Recipe

_FACTS = {
    "train": ("conversations", "Conversations that are trained on."),
    "held_out": ("held out", "Conversations that are only ever asked, never trained on."),
    "trained_tokens": ("trained tokens", "Tokens that the assistant says, once through all conversations."),
    "truncated": ("truncated", "Conversations that were longer than the context, and what was cut off."),
    "dropped_too_long": ("dropped", "Conversations that were longer than the context and left out."),
    "all_masked": ("all masked", "Conversations without any token to train, left out."),
}


class RunSettings(Panel):
    """inspected(Inspection | None): a row is under the pointer."""

    inspected = Signal(object)

    def __init__(self, run: TuningRun, parent: QWidget | None = None) -> None:
        super().__init__("Settings of this run", parent=parent, margins=(16, 10, 6, 6))
        self._run = run
        self._rows: list[tuple[str, str, str]] = []
        self._words: dict[str, str] = {}
        self.table = ValueTable("Settings of this run")
        self.table.cellEntered.connect(self._inspect)
        self.table.left.connect(lambda: self.inspected.emit(None))
        self.body.addWidget(self.table)

    def show_run(self, recipe: Recipe | None) -> None:
        plan = self._run.plan
        if plan is None:
            self.set_subtitle("settled when training begins")
            rows = []
        else:
            self.set_subtitle(f"{_method(plan)} on {plan.get('base', '')}")
            rows = [*self._costs(plan), *self._data(plan), *_values(plan, recipe)]
        if rows != self._rows:
            self._rows = rows
            self.table.fill(rows)

    def _costs(self, plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        """What it takes beside what was estimated before Start."""
        run, expected = self._run, plan["estimate"]
        whole = run.seconds if run.state is RunState.DONE else run.seconds + run.seconds_left
        if whole == whole:
            yield "time", duration(whole), f"est. {duration(expected['seconds'])}"
        if run.memory_bytes:
            yield "memory", f"{run.memory_bytes / 1e9:.2f} GB", f"est. {expected['memory_bytes'] / 1e9:.2f}"

    def _data(self, plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        for key, (name, words) in _FACTS.items():
            count = plan.get("conversations", {}).get(key, 0)
            if count or key in ("train", "held_out"):
                self._words[name] = words
                yield name, f"{count:,}", "counted"

    def _inspect(self, row: int, column: int) -> None:
        name, value, origin = self._rows[row]
        if name in self._words or name in ("time", "memory"):
            words = self._words.get(name, "What it takes, beside what was said before Start.")
            self.inspected.emit(Inspection(name, words=words, rows=((name, value, "accent"), ("", origin))))
        else:
            said = ORIGIN_WORDS.get(origin, origin)
            self.inspected.emit(inspection_of(name, value, said, self._run.plan))


def _values(plan: dict[str, Any], recipe: Recipe | None) -> Iterator[tuple[str, str, str]]:
    for name, value, origin in effective_values(plan, recipe, "sft"):
        yield name, value_words(value), origin


def _method(plan: dict[str, Any]) -> str:
    lora = plan.get("lora")
    if plan.get("method") == "lora" and lora:
        return f"LoRA of rank {lora['rank']}"
    return f"all {compact(plan['estimate']['parameters'])} parameters"
