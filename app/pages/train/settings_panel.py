"""What this run really uses, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.pages.train.parallel import parallel
from app.pages.train.run_model import TrainRun
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, duration
from app.widgets.panel import Panel
from engine.events import RunState
from engine.launch.recipe import Recipe, load_recipe, preset_names
from engine.stages.pretrain import Config

ORIGIN_WORDS = {
    "preset": "from the recipe’s preset",
    "derived": "derived from the depth and the other values",
    "default": "the usual value",
    "yours": "set by you",
}


def effective_values(plan: dict[str, Any], recipe: Recipe | None) -> Iterator[tuple[str, Any, str]]:
    """(name, value, origin) of everything that was settled. origin: a key of ORIGIN_WORDS; a value that was set is
    "yours" unless the preset of the recipe's name has the same."""
    given = _preset_values(recipe)
    for table in ("model", "training"):
        for name, value in plan[table].items():
            origin = plan["origins"].get(name, "derived")
            if origin == "preset" and given.get(name, None) != value:
                origin = "yours"
            yield name, value, origin


def _preset_values(recipe: Recipe | None) -> dict[str, Any]:
    if recipe is None or recipe.name not in preset_names():
        return {}
    preset = load_recipe(recipe.name)
    tables = [spec.config.model_dump(exclude_unset=True) for spec in preset.stages if spec.name == "pretrain"]
    return tables[0] if tables else {}


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class SettingsPanel(Panel):
    """inspected(Inspection | None): a row is under the pointer."""

    inspected = Signal(object)

    def __init__(self, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__("Settings of this run", parent=parent, margins=(16, 10, 6, 6))
        self._run = run
        self._shown: tuple[Any, ...] = ()
        self._settled: tuple[dict[str, Any] | None, list[tuple[str, str, str]]] = (None, [])
        self._wide = True
        self.table = _Table()
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
            values = effective_values(plan, recipe)
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


class _Table(QTableWidget):
    """Name, value, origin. Ctrl+C copies the chosen rows, or all."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__(0, 3)
        self.setShowGrid(False)
        self.setStyleSheet("QTableView::item { padding: 0 4px; }")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Settings of this run")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)

    def fill(self, rows: list[tuple[str, str, str]]) -> None:
        """Changes only the cells that read otherwise now."""
        self.setRowCount(len(rows))
        changed = False
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = self.item(row, column)
                if item is None:
                    self.setItem(row, column, _cell_item(column, text))
                elif item.text() != text:
                    item.setText(text)
                else:
                    continue
                changed = changed or column != 1
        if changed:
            self._colour()

    def _colour(self) -> None:
        p = colors(self)
        for row in range(self.rowCount()):
            name, origin = self.item(row, 0), self.item(row, 2)
            if name is not None and origin is not None:
                name.setForeground(QColor(p.muted))
                origin.setForeground(QColor(p.accent if origin.text() == "yours" else p.muted))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colour()

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
            return
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(self.rowCount())
        lines = ("\t".join(self._cell(row, column) for column in range(3)) for row in chosen)
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _cell(self, row: int, column: int) -> str:
        item = self.item(row, column)
        return item.text() if item is not None else ""


def _cell_item(column: int, text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setFont(font(11, fixed=column == 0) if column != 1 else font(13))
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item
