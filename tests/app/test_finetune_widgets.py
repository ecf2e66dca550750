"""The painted pictures of the Fine-tune page: what stands under the pointer, and what a screen reader is told."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.pages.finetune.compare_moved import part_words, rows_of
from app.widgets.chips import Chips
from app.widgets.confusion_matrix import ConfusionMatrix
from app.widgets.heat_map import HeatMap, HeatRow
from app.widgets.reliability import Reliability
from app.widgets.segments import Steps
from engine.events import WeightsMoved

ROWS = (HeatRow("embedding", (0.1,)), HeatRow("MLP, up", (0.2, math.nan, 0.4)))


def test_a_heat_map_tells_the_cell_under_the_pointer(qtbot: QtBot) -> None:
    heat = HeatMap("{:.1f}".format)
    qtbot.addWidget(heat)
    heat.resize(400, 100)
    heat.show_values(ROWS, ("0", "1", "2"), "layer", 0.4)
    told: list[tuple[int, int]] = []
    heat.pointed.connect(lambda row, column: told.append((row, column)))
    heat.show()
    for place in (heat._box(1, 2).center(), heat._box(0, 0).center(), QPointF(2, 2)):
        _move(heat, place)
    assert told == [(1, 2), (0, 0), (-1, -1)]
    assert heat.value(0, 2) == 0.1
    assert heat.accessibleDescription() == "embedding: 0.1. MLP, up: 0.2, nan, 0.4"


def _move(widget: QWidget, place: QPointF) -> None:
    """The event itself: whether the window system sends one depends on where another test left the pointer."""
    none, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, place, widget.mapToGlobal(place), buttons, buttons, none)
    QApplication.sendEvent(widget, event)


def test_arrows_go_through_the_cells(qtbot: QtBot) -> None:
    heat = HeatMap("{:.1f}".format)
    qtbot.addWidget(heat)
    heat.show_values(ROWS, ("0", "1", "2"), "layer", 0.4)
    told: list[tuple[int, int]] = []
    heat.pointed.connect(lambda row, column: told.append((row, column)))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        qtbot.keyClick(heat, key)
    assert told == [(1, 0), (1, 1), (1, 2), (0, 0)]


def test_parts_are_sorted_by_layer_and_named() -> None:
    event = WeightsMoved(
        parts=("embedding", "blocks.0.attention.qkv", "blocks.0.attention.qkv.bias", "blocks.1.attention.qkv"),
        moved=(0.1, 0.2, 0.3, 0.4),
    )
    rows, layers = rows_of(event)
    assert layers == 2
    assert [row.name for row in rows] == ["embedding", "query, key, value", "query, key, value, bias"]
    assert rows[1].values == (0.2, 0.4)
    assert rows[2].values[0] == 0.3 and math.isnan(rows[2].values[1])
    assert part_words("mlp.odd_name") == "mlp odd name"


def test_a_confusion_matrix_is_read_by_arrows(qtbot: QtBot) -> None:
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.show_counts(("bad", "good"), (8, 2, 1, 9))
    told: list[tuple[int, int]] = []
    matrix.pointed.connect(lambda row, column: told.append((row, column)))
    qtbot.keyClick(matrix, Qt.Key.Key_Right)
    assert told == [(0, 1)]
    assert matrix.count(*told[0]) == 2
    assert matrix.accessibleDescription() == "bad: 8 as bad, 2 as good. good: 1 as bad, 9 as good"


def test_a_reliability_diagram_passes_over_empty_bins(qtbot: QtBot) -> None:
    diagram = Reliability()
    qtbot.addWidget(diagram)
    diagram.resize(300, 200)
    diagram.show_bins((math.nan, 0.9), (math.nan, 0.8), (0, 10))
    assert diagram.accessibleDescription() == "90% sure, 80% right, 10"
    assert not diagram.grab().isNull()


def test_chips_that_cannot_be_are_not_chosen(qtbot: QtBot) -> None:
    chips = Chips(("up", "gate"))
    qtbot.addWidget(chips)
    chips.set_chosen(("up", "gate"))
    chips.set_possible(("up",))
    assert chips.chosen() == ("up",)


def test_steps_say_how_they_are(qtbot: QtBot) -> None:
    steps = Steps(("Data", "Run"))
    qtbot.addWidget(steps)
    steps.set_mark(1, "running", "running", 0.5)
    assert steps._group.button(1).accessibleName() == "2. Run: running"
    assert not steps.grab().isNull()
