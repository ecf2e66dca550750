"""The row of numbers above the curves."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.finetune import run_inspections as inspections
from app.pages.finetune.tuning_run import TuningRun
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import number
from app.widgets.readout import Readout
from app.widgets.timeline import clock
from engine.events import RunState

_ROOM_FOR_SPEED = 900


class TuningReadouts(QWidget):
    """inspected(Inspection | None): the pointer is over a number, or left it."""

    inspected = Signal(object)

    def __init__(self, run: TuningRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.loss = Readout("train loss", "–", role="focused")
        self.held_out = Readout("held-out loss", "–", role="validation_text")
        self.exact = Readout("exact answers", "–")
        self.stopped = Readout("ended by themselves", "–")
        self.step = Readout("step", "–")
        self.speed = Readout("tokens per second", "–")
        self.left = Readout("left", "", size=28, right=True)
        self._words: dict[QObject, Callable[[TuningRun], Inspection]] = {
            self.loss: inspections.loss,
            self.held_out: inspections.held_out,
            self.exact: inspections.exact_answers,
            self.stopped: inspections.stopped,
            self.step: inspections.time_left,
            self.speed: inspections.speed,
            self.left: inspections.time_left,
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for readout in (self.loss, self.held_out, self.exact, self.stopped, self.step, self.speed):
            row.addWidget(readout)
            row.addStretch(1)
        row.addStretch(2)
        row.addWidget(self.left)
        for watched in self._words:
            watched.installEventFilter(self)

    def show_run(self) -> None:
        """Reads the newest numbers."""
        run = self._run
        broken = len(run.loss) > 0 and not math.isfinite(run.loss.last)
        self.loss.set_value("NaN" if broken else _or_dash(run.loss.newest(smooth=True)))
        self.loss.set_role("danger" if broken else "focused")
        self.held_out.set_value(_or_dash(run.held_out.last))
        self.exact.set_value(percent(float(run.final.get("exact", run.exact.last))))
        self.stopped.set_value(percent(float(run.final.get("stopped", run.stopped.last))))
        asked = f", {run.final['asked']:,} asked" if "exact" in run.final else ""
        self.exact.set_label(f"exact answers{asked}")
        self.step.set_value(f"{run.step:,}", f"/ {run.steps:,}" if run.steps else "")
        self.speed.set_value(_or_dash(run.recent_speed))
        if run.state.is_final and len(run.loss):
            self.left.set_value(clock(run.seconds))
            self.left.set_label("took" if run.state is RunState.DONE else "worked")
        else:
            self.left.set_value("–" if math.isnan(run.seconds_left) else clock(run.seconds_left))
            self.left.set_label("left, or less")

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.speed.setVisible(self.width() >= _ROOM_FOR_SPEED)
        super().resizeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Enter and watched in self._words:
            self.inspected.emit(self._words[watched](self._run))
        elif event.type() is QEvent.Type.Leave and watched in self._words:
            self.inspected.emit(None)
        return False


def percent(share: float) -> str:
    """ "93%", "99.6%" near the ends, where a tenth tells; "–" for NaN."""
    if math.isnan(share):
        return "–"
    return f"{share:.1%}" if 0.985 <= share < 1 or 0 < share <= 0.015 else f"{share:.0%}"


def _or_dash(value: float) -> str:
    return number(value) if math.isfinite(value) else "–"
