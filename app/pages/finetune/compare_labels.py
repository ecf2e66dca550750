"""A classifier on held-out texts: which labels it takes for which, and whether it knows how sure it is."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.pages.finetune.run_readouts import percent
from app.theme.type import XL
from app.widgets.confusion_matrix import ConfusionMatrix
from app.widgets.inspection import Inspection
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.reliability import Reliability
from app.widgets.segments import Segments
from engine.events import LabelsJudged


class LabelsPanel(Panel):
    """inspected(Inspection | None): a cell or a bin is under the pointer."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Labels", parent=parent, margins=(16, 10, 16, 8))
        self._event: LabelsJudged | None = None
        self.choice = Segments(["Confusion", "Calibration"], small=True)
        self.choice.setAccessibleName("Which picture")
        self.matrix = ConfusionMatrix()
        self.reliability = Reliability()
        self.accuracy = Readout("right", "–")
        self.error = Readout("calibration error", "–")
        self.brier = Readout("Brier", "–")
        self._pictures = QStackedWidget()
        self._pictures.addWidget(self.matrix)
        self._pictures.addWidget(self.reliability)
        row = QHBoxLayout()
        row.setSpacing(XL)
        for readout in (self.accuracy, self.error, self.brier):
            row.addWidget(readout)
        row.addStretch(1)
        self.add_control(self.choice)
        self.body.addLayout(row)
        self.body.addWidget(self._pictures, 1)
        self.choice.changed.connect(self._pictures.setCurrentIndex)
        self.matrix.pointed.connect(self._inspect_cell)
        self.reliability.pointed.connect(self._inspect_bin)
        self.hide()

    def show_labels(self, event: LabelsJudged | None) -> None:
        self._event = event
        self.setVisible(event is not None)
        if event is None:
            return
        self.set_subtitle(f"{sum(event.confusion):,} held-out texts")
        self.accuracy.set_value(percent(event.accuracy))
        self.error.set_value(f"{event.expected_calibration_error:.3f}")
        self.brier.set_value(f"{event.brier:.3f}")
        self.matrix.show_counts(event.labels, event.confusion)
        self.reliability.show_bins(event.bin_confidence, event.bin_accuracy, event.bin_counts)

    def _inspect_cell(self, row: int, column: int) -> None:
        event = self._event
        if row < 0 or event is None:
            self.inspected.emit(None)
            return
        count, truth, chosen = self.matrix.count(row, column), event.labels[row], event.labels[column]
        places = range(len(event.labels))
        of_row = sum(self.matrix.count(row, place) for place in places)
        of_column = sum(self.matrix.count(place, column) for place in places)
        self.inspected.emit(
            Inspection(
                f"{truth}, taken for {chosen}" if row != column else f"{truth}, recognised",
                f"step {event.step:,}",
                words="Each row holds the texts of one true label, each column those that got a label. What stands "
                "on the diagonal is right.",
                formula=r"\text{recall} = \frac{n_{ii}}{\sum_j n_{ij}}"
                "\n"
                r"\text{precision} = \frac{n_{ii}}{\sum_j n_{ji}}",
                rows=(
                    ("texts", f"{count:,}", "ok" if row == column else "danger"),
                    (f"of all that are {truth}", _ratio(count, of_row)),
                    (f"of all called {chosen}", _ratio(count, of_column)),
                ),
                subject="cell",
            )
        )

    def _inspect_bin(self, place: int) -> None:
        event = self._event
        if place < 0 or event is None:
            self.inspected.emit(None)
            return
        wide = 1 / len(event.bin_counts)
        sure, right = event.bin_confidence[place], event.bin_accuracy[place]
        rows: list[tuple[str, ...]] = [("texts", f"{event.bin_counts[place]:,}", "accent")]
        if not math.isnan(sure):
            gap = sure - right
            rows += [
                ("said it was", f"{sure:.1%} sure", "warning"),
                ("was right", f"{right:.1%}"),
                ("too sure" if gap > 0 else "not sure enough", f"{abs(gap):.1%}"),
            ]
        rows.append(("error over all bins", f"{event.expected_calibration_error:.4f}"))
        self.inspected.emit(
            Inspection(
                "Calibration",
                f"{place * wide:.0%} to {(place + 1) * wide:.0%} sure, step {event.step:,}",
                words="Of all texts for which the model was this sure, as many should be right. Bars below the "
                "diagonal say that it is too sure of itself.",
                formula=r"\text{ECE} = \sum_b \frac{n_b}{n} |\text{right}_b - \text{sure}_b|",
                formula_words="Over ten bins by the chosen label’s probability.",
                rows=tuple(rows),
                subject="bin",
            )
        )


def _ratio(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "none"
