"""Fine-tune's header: which run or base, the four steps, what Start will cost, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from app.jobs.run_summary import RunSummary
from app.pages.finetune.bases import Base
from app.widgets.buttons import Button, ToolButton, pass_focus
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.segments import Steps
from engine.events import RunState

DATA, TEMPLATE, RUN, COMPARE = range(4)
STEP_NAMES = ("Data", "Template", "Run", "Compare")
_RESUMABLE = (RunState.STOPPED, RunState.FAILED, RunState.DIED)


class TuningHeader(QObject):
    """chosen_run(folder), chosen_base(folder): what is on the table. start, pause, go_on, stop, resume: wishes."""

    chosen_run = Signal(object)
    chosen_base = Signal(object)
    start = Signal()
    pause = Signal()
    go_on = Signal()
    stop = Signal()
    resume = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.choice = Combo(name="Fine-tuning, or the base model of a new one")
        self.choice.setPlaceholderText("no model yet")
        self.steps = Steps(STEP_NAMES)
        self.steps.setAccessibleName("Steps of fine-tuning")
        self.cost = CostWords()
        self.start_button = Button("Start", "primary", "ph.play", tooltip="Fine-tune with these settings (Ctrl+Enter)")
        self.pause_button = ToolButton("ph.pause", "Hold the run; the model stays where it is", size=30)
        self.go_on_button = Button("Go on", "primary", "ph.play", tooltip="Continue with the next step")
        self.resume_button = Button("Resume", "primary", "ph.play", tooltip="Go on from the newest checkpoint")
        self.stop_button = Button("Stop", "danger", "ph.stop", tooltip="Save and end; it can be resumed later")
        for button, wish in (
            (self.start_button, self.start),
            (self.pause_button, self.pause),
            (self.go_on_button, self.go_on),
            (self.resume_button, self.resume),
            (self.stop_button, self.stop),
        ):
            button.clicked.connect(wish)
        self._empty, self._mine = False, False
        self._state: RunState | None = None
        self._listed: object = None
        self.choice.activated.connect(self._on_chosen)
        self.show_state(None, mine=False)

    def left(self) -> Sequence[QWidget]:
        """The steps first: nothing that a run changes stands before them, so they never move under the pointer."""
        return (self.steps, self.choice)

    def right(self) -> Sequence[QWidget]:
        buttons = (self.start_button, self.pause_button, self.go_on_button, self.resume_button, self.stop_button)
        return (self.cost, *buttons)

    def show_choice(self, runs: Sequence[RunSummary], bases: Sequence[Base], shown: Path | None, *, new: bool) -> None:
        """runs: that fine-tuned or will. shown: the folder of the run in view, or, if `new`, that of the base."""
        told = ([(run.name, run.state, run.folder) for run in runs], list(bases), shown, new)
        if told == self._listed:
            return  # an open list must not close because somebody looked
        self._listed = told
        self.choice.blockSignals(True)
        self.choice.clear()
        for summary in runs:
            self.choice.add(summary.name, summary.state.value if summary.state else "", ("run", summary.folder))
        if not new and shown is not None and all(summary.folder != shown for summary in runs):
            self.choice.add(shown.name, "", ("run", shown))
        for base in bases:
            self.choice.add(base.name, f"new, from {base.detail}", ("base", base.folder))
        places = [self.choice.itemData(row) for row in range(self.choice.count())]
        wanted = ("base" if new else "run", shown)
        self.choice.setCurrentIndex(places.index(wanted) if wanted in places else -1)
        self.choice.setEnabled(bool(places))
        self.choice.blockSignals(False)

    def set_empty(self, empty: bool) -> None:
        """Without a model there are no steps, and nothing that Start could begin with."""
        self.steps.setVisible(not empty)
        self.choice.setVisible(not empty)
        if empty != self._empty:
            self._empty = empty
            self.show_state(self._state, mine=self._mine)

    def turn_pause(self) -> None:
        """Pause, or go on when it is paused."""
        for button in (self.go_on_button, self.pause_button):
            if not button.isHidden():
                button.click()
                return

    def show_state(self, state: RunState | None, *, mine: bool) -> None:
        """state: of the run in view, None before one is started. mine: it is the current job, which can be steered."""
        self._state, self._mine = state, mine
        alive = mine and state is not None and not state.is_final
        ending = state in (RunState.STOPPING, RunState.SAVING)
        shown: dict[QWidget, bool] = {
            self.cost: state is None and not self._empty,
            self.start_button: state is None and not self._empty,
            self.pause_button: alive and state is not RunState.PAUSED,
            self.go_on_button: alive and state is RunState.PAUSED,
            self.stop_button: alive,
            self.resume_button: not mine and state in _RESUMABLE,
        }
        for widget in shown:
            if shown[widget]:
                widget.setVisible(True)
        for gone, to in (
            (self.start_button, self.stop_button),
            (self.pause_button, self.go_on_button),
            (self.go_on_button, self.pause_button),
            (self.resume_button, self.stop_button),
            (self.stop_button, self.resume_button),
        ):
            if not shown[gone]:
                pass_focus([gone], to if shown[to] else self.choice)
        for widget, visible in shown.items():
            widget.setVisible(visible)
        for button in (self.pause_button, self.go_on_button, self.stop_button):
            button.setEnabled(alive and not ending)

    def _on_chosen(self, row: int) -> None:
        kind, folder = self.choice.itemData(row)
        (self.chosen_run if kind == "run" else self.chosen_base).emit(folder)


def press(button: QAbstractButton) -> None:
    """By a key or the palette: what cannot be seen cannot be pressed."""
    if not button.isHidden():
        button.click()


class CostWords(QWidget):
    """Two small lines beside Start: time, and below it memory and disk."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.time = Label("", size=11)
        self.room = Label("", "muted", 11)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(self.time)
        column.addWidget(self.room)

    def say(self, time: str, room: str, tooltip: str = "") -> None:
        self.time.setText(time)
        self.room.setText(room)
        self.setToolTip(tooltip)
        self.setAccessibleName(f"Cost: {time}, {room}")
