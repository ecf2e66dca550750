"""The row of numbers above the curve."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.train import inspections
from app.pages.train.run_model import TrainRun
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, number
from app.widgets.readout import Readout
from app.widgets.timeline import clock
from engine.events import RunState

_ROOM_FOR_PEAK = 960


class Readouts(QWidget):
    """inspected(Inspection | None): the pointer is over a number, or left it."""

    inspected = Signal(object)

    def __init__(self, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.loss = Readout("train loss, nats per token", "–", role="focused")
        self.bits = Readout("validation, bits per byte", "–", role="validation_text")
        self.step = Readout("step", "–")
        self.tokens = Readout("tokens seen", "–")
        self.speed = Readout("tokens per second", "–")
        self.peak = Readout("of this machine’s peak", "–")
        self.left = Readout("left", "", size=28, right=True)
        self._words: dict[QObject, Callable[[TrainRun], Inspection]] = {
            self.loss: inspections.loss,
            self.bits: inspections.bits_per_byte,
            self.step: inspections.time_left,
            self.tokens: inspections.tokens,
            self.speed: inspections.speed,
            self.peak: inspections.speed,
            self.left: inspections.time_left,
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for readout in (self.loss, self.bits, self.step, self.tokens, self.speed, self.peak):
            row.addWidget(readout)
            row.addStretch(1)
        row.addStretch(6)
        row.addWidget(self.left)
        for readout in self._words:
            readout.installEventFilter(self)

    def show_run(self) -> None:
        """Reads the newest numbers."""
        run = self._run
        latest = run.loss.newest(smooth=True)
        broken = len(run.loss) > 0 and not math.isfinite(run.loss.last)
        self.loss.set_value("NaN" if broken else _or_dash(latest))
        self.loss.set_role("danger" if broken else "focused")
        bits = run.bits_per_byte.last
        self.bits.set_value(f"{bits:.3f}" if math.isfinite(bits) else "–")
        self.step.set_value(f"{run.step:,}", f"/ {run.steps:,}" if run.steps else "")
        self.tokens.set_value(compact(run.tokens))
        self.tokens.set_label("tokens seen" if math.isnan(run.epochs) else f"tokens seen, {run.epochs:.2f} epochs")
        self.speed.set_value(_or_dash(run.recent_speed))
        self.peak.set_value("–" if math.isnan(run.peak_share) else f"{run.peak_share:.0%}")
        self._show_left()

    def _show_left(self) -> None:
        run = self._run
        if run.state is RunState.DONE or (run.state.is_final and len(run.loss)):
            self.left.set_value(clock(run.seconds))
            self.left.set_label("took" if run.state is RunState.DONE else "worked")
        else:
            self.left.set_value("–" if math.isnan(run.seconds_left) else clock(run.seconds_left))
            self.left.set_label("left")

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.peak.setVisible(self.width() >= _ROOM_FOR_PEAK)
        super().resizeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Enter and watched in self._words:
            self.inspected.emit(self._words[watched](self._run))
        elif event.type() is QEvent.Type.Leave and watched in self._words:
            self.inspected.emit(None)
        return False


def _or_dash(value: float) -> str:
    return number(value) if math.isfinite(value) else "–"
