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

# A sampler of pretraining, and what stands in the row above.
_NEVER_USED = ("sample_every", "evaluate_rows")
_SAID_ALREADY = ("base",)
_LORA = ("rank", "alpha", "lora_parts", "lora_first_layer", "lora_last_layer", "lora_dropout")
_COSTS = {
    "base": "The model that this began with.",
    "time": "What it takes, beside what was said before Start.",
    "memory": "The most that the process held, beside what was said before Start.",
}
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
            self.set_subtitle(_method(plan, self._run.settings))
            base = ("base", self._run.base_name, "chosen")
            rows = [base, *self._costs(plan), *self._data(plan), *_values(plan, self._run.settings, recipe)]
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
        words = self._words.get(name, _COSTS.get(name, ""))
        if words:
            self.inspected.emit(Inspection(name, words=words, rows=((name, value, "accent"), ("", origin))))
        else:
            said = ORIGIN_WORDS.get(origin, origin)
            self.inspected.emit(inspection_of(name, value, said, self._run.known))


def _values(plan: dict[str, Any], settings: dict[str, Any], recipe: Recipe | None) -> Iterator[tuple[str, str, str]]:
    """Those of training first; then what only the stage knows, as the method; then the model's."""
    told = {name: (value_words(value), origin) for name, value, origin in effective_values(plan, recipe, "sft")}
    unused = () if settings.get("method") == "lora" else _LORA
    own = [name for name in settings if name not in (*told, *_SAID_ALREADY, *unused)]
    training = [name for name in plan["training"] if name not in _NEVER_USED]
    given = recipe.stages[-1].config.model_fields_set if recipe else set()
    for name in own:
        said = settings[name]
        words = f"{len(said)} of them" if isinstance(said, list | tuple) else value_words(said)
        told[name] = (words, "yours" if name in given else "default")
    for name in (*training, *own, *(name for name in plan["model"] if name not in training)):
        yield name, *told[name]


def _method(plan: dict[str, Any], settings: dict[str, Any]) -> str:
    if plan.get("method") == "lora":
        return f"LoRA of rank {settings.get('rank', '?')}"
    return f"all {compact(plan['estimate']['parameters'])} parameters"
