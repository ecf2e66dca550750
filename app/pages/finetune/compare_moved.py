"""Which weights moved most: parts by layers, against those of the base."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.widgets.heat_map import HeatMap, HeatRow
from app.widgets.inspection import Inspection, Table
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine.events import WeightsMoved

_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")
_NAMES = {
    "embedding": "embedding",
    "positions": "positions",
    "attention_norm": "norm before attention",
    "attention.qkv": "query, key, value",
    "attention.out": "attention, out",
    "attention.q_norm": "query norm",
    "attention.k_norm": "key norm",
    "mlp_norm": "norm before MLP",
    "mlp.up": "MLP, up",
    "mlp.down": "MLP, down",
    "final_norm": "last norm",
    "head": "head",
}


def percent_moved(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0%}" if value >= 0.1 else f"{value:.1%}"


def rows_of(event: WeightsMoved) -> tuple[list[HeatRow], int]:
    """Rows in the order of the model, and how many layers there are. Biases stand with a row of their own."""
    layers: dict[str, dict[int, float]] = {}
    single: dict[str, float] = {}
    order: list[str] = []
    for part, value in zip(event.parts, event.moved, strict=True):
        match = _BLOCK.fullmatch(part)
        name = match.group(2) if match else part
        if name not in order:
            order.append(name)
        if match:
            layers.setdefault(name, {})[int(match.group(1))] = value
        else:
            single[name] = value
    count = 1 + max((layer for found in layers.values() for layer in found), default=-1)
    rows = []
    for name in order:
        if name in layers:
            values = tuple(layers[name].get(layer, math.nan) for layer in range(count))
        else:
            values = (single[name],)
        rows.append(HeatRow(part_words(name), values))
    return rows, count


def part_words(name: str) -> str:
    """ "query, key, value" for "attention.qkv"; a bias is named as one."""
    plain = name.removesuffix(".bias")
    return _NAMES.get(plain, plain.replace(".", " ").replace("_", " ")) + (", bias" if plain != name else "")


def most_moved(events: Iterable[WeightsMoved]) -> float:
    """The largest movement of all looks, so that their pictures can be compared."""
    return max((value for event in events for value in event.moved if math.isfinite(value)), default=0.0)


class MovedPanel(Panel):
    """inspected(Inspection | None): a cell is under the pointer."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Weights that moved", parent=parent, margins=(16, 10, 16, 8))
        self.map = HeatMap(percent_moved)
        self.map.setAccessibleName("How far each part moved, by layer")
        self._nothing = Label("Told at the first look after training has begun.", "muted", wrap=True)
        self.body.addWidget(self._nothing)
        self.body.addWidget(self.map, 1)
        self._event: WeightsMoved | None = None
        self._rows: list[HeatRow] = []
        self.map.pointed.connect(self._inspect)

    def show_moved(self, event: WeightsMoved | None, top: float) -> None:
        """top: the largest movement of the whole run."""
        self._event = event
        self.map.setVisible(event is not None)
        self._nothing.setVisible(event is None)
        if event is None:
            self.set_subtitle("")
            return
        self._rows, count = rows_of(event)
        self.set_subtitle("share of their own size")
        self.map.show_values(self._rows, [str(layer) for layer in range(count)], "layer", top)

    def _inspect(self, row: int, column: int) -> None:
        if row < 0 or self._event is None:
            self.inspected.emit(None)
            return
        told = self._rows[row]
        alone = len(told.values) == 1
        value = told.values[0] if alone else told.values[column]
        layers = tuple((f"layer {place}", percent_moved(each)) for place, each in enumerate(told.values))
        self.inspected.emit(
            Inspection(
                told.name if alone else f"{told.name}, layer {column}",
                f"step {self._event.step:,}, against the base",
                words="How far these weights went from where they began, as a share of their own size. Fine-tuning "
                "moves little: the knowledge of the base stays where it is.",
                formula=r"\frac{|W - W_0|}{|W_0|}",
                formula_words="Norms over all numbers of the matrix (Frobenius).",
                table=None if alone else Table(("this part", "moved"), layers, picked=column),
                rows=(("moved", f"{value:.2%}" if math.isfinite(value) else "was all zeros before", "accent"),),
                subject="tensor",
            )
        )
