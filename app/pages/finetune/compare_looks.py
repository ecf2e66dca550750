"""The slider over the looks of a run, so that one sees answers become answers."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.finetune.run_readouts import percent
from app.pages.finetune.tuning_run import TuningRun
from app.theme.type import XL, L, M
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.slider import Slider
from engine.events import RunState

_PLAY_MS = 700


class LooksPanel(Panel):
    """moved(): another look is chosen. It follows the newest look until a person chooses an earlier one."""

    moved = Signal()

    def __init__(self, run: TuningRun, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, margins=(20, 10, 20, 8))
        self._run = run
        self._looks: list[int] = []
        self._follows = True
        self.step = Readout("look", "–")
        self.slider = Slider(0, 1, 0, step=1, ticks=(), name="Which look at the model: from step 0 to now")
        self.play = ToolButton("ph.play", "Play all looks from step 0 (Ctrl+P)", size=30)
        self.exact = Readout("exact answers", "–")
        self.stopped = Readout("ended by themselves", "–")
        self.held_out = Readout("held-out loss", "–", role="validation_text")
        self._ends = Label("step 0: the base", "muted", 11), Label("", "muted", 11)
        self._timer = QTimer(self, interval=_PLAY_MS)
        self._timer.timeout.connect(self._next)
        self.slider.changed.connect(self._on_slider)
        self.play.clicked.connect(self.play_all)
        self._lay_out()

    def _lay_out(self) -> None:
        ends = QHBoxLayout()
        ends.addWidget(self._ends[0])
        ends.addStretch(1)
        ends.addWidget(self._ends[1])
        way = QVBoxLayout()
        way.setSpacing(0)
        way.addStretch(1)
        way.addWidget(self.slider)
        way.addLayout(ends)
        way.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(M)
        row.addWidget(self.step)
        row.addSpacing(M)
        row.addWidget(self.play)
        row.addLayout(way, 1)
        row.addSpacing(L)
        row.setSpacing(M)
        for readout in (self.exact, self.stopped, self.held_out):
            row.addWidget(readout)
            row.addSpacing(XL - M if readout is not self.held_out else 0)
        self.body.addLayout(row)

    @property
    def chosen(self) -> int | None:
        """The step of the look that is shown."""
        place = round(self.slider.number())
        return self._looks[place] if 0 <= place < len(self._looks) else None

    @property
    def before(self) -> int | None:
        """The step of the look before it."""
        place = round(self.slider.number())
        return self._looks[place - 1] if 0 < place < len(self._looks) else None

    def show_run(self) -> None:
        """New looks, or another run."""
        looks = self._run.looks
        if looks != self._looks:
            kept = None if self._follows else self.chosen
            self._looks = list(looks)
            blocked = self.slider.blockSignals(True)
            self.slider.set_range(0, max(len(looks) - 1, 1))
            self.slider.set_ticks(range(len(looks)) if len(looks) <= 60 else ())
            self.slider.set_number(looks.index(kept) if kept in looks else self._first_place())
            self.slider.blockSignals(blocked)
            self.slider.setEnabled(len(looks) > 1)
            self.play.setEnabled(len(looks) > 1)
        self._say()

    def _first_place(self) -> int:
        """Of a run at work the newest look, of one that is done the best: that model is kept."""
        best = self._run.best
        done = self._run.state is RunState.DONE and best is not None
        return self._looks.index(best.step) if done and best is not None else len(self._looks) - 1

    def forget(self) -> None:
        """Another run: its newest look comes first."""
        self._follows = True
        self._looks = []
        self.stop()

    def play_all(self) -> None:
        if self._timer.isActive():
            self.stop()
            return
        self.slider.set_number(0)
        self.play.set_icon("ph.pause")
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self.play.set_icon("ph.play")

    def _next(self) -> None:
        place = round(self.slider.number())
        if place >= len(self._looks) - 1:
            self.stop()
        else:
            self.slider.set_number(place + 1)

    def _on_slider(self, _place: float) -> None:
        self._follows = round(self.slider.number()) == len(self._looks) - 1
        self._say()
        self.moved.emit()

    def _say(self) -> None:
        check = self._run.checks.get(self.chosen) if self.chosen is not None else None
        best = self._run.best
        self._ends[1].setText(f"step {self._looks[-1]:,}" if self._looks else "")
        if check is None:
            for readout in (self.step, self.exact, self.stopped, self.held_out):
                readout.set_value("–")
            return
        place = self._looks.index(check.step) + 1
        is_best = best is not None and best.step == check.step
        self.step.set_value(f"step {check.step:,}")
        self.step.set_label(f"look {place} of {len(self._looks)}{', the best' if is_best else ''}")
        self.exact.set_value(percent(check.exact))
        self.stopped.set_value(percent(check.stopped))
        self.held_out.set_value(f"{check.loss:.3f}")
