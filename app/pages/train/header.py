"""Train's header: which run, how it is, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.jobs.run_summary import RunSummary, began_words
from app.pages.train.rate_spin import RateSpin
from app.widgets.buttons import Button, pass_focus
from app.widgets.combo import Combo
from app.widgets.metric_chart_scale import compact
from app.widgets.tag import Tag
from engine.events import RunState

_TAGS = {
    RunState.WAITING: ("waiting", "neutral", "ph.hourglass"),
    RunState.STARTING: ("starting", "accent", "ring"),
    RunState.RUNNING: ("running", "accent", "ring"),
    RunState.PAUSED: ("paused", "warning", "ph.pause"),
    RunState.STOPPING: ("stopping", "warning", "ring"),
    RunState.SAVING: ("saving", "accent", "ring"),
    RunState.STOPPED: ("stopped", "neutral", "ph.stop"),
    RunState.DONE: ("done", "ok", "ph.check"),
    RunState.FAILED: ("failed", "danger", "ph.warning-octagon"),
    RunState.DIED: ("broke off", "warning", "ph.warning"),
}
_RESUMABLE = (RunState.STOPPED, RunState.FAILED, RunState.DIED)
_NEW = "new run"


class RunHeader(QObject):
    """Widgets for the header. chosen(folder | None): another run, or None for a new one.

    pause, go_on, stop, checkpoint, resume: what a person wishes. turned(factor): of the learning rate.
    """

    chosen = Signal(object)
    pause = Signal()
    go_on = Signal()
    stop = Signal()
    checkpoint = Signal()
    resume = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.runs = Combo(name="Run")
        self.runs.setPlaceholderText("no run yet")
        self.tag = Tag("", small=False)
        self.rate = RateSpin()
        self.turned = self.rate.turned
        self.checkpoint_button = Button(
            "Checkpoint", icon="ph.floppy-disk", tooltip="Save a checkpoint after this step (Ctrl+Shift+S)"
        )
        self.pause_button = Button("Pause", icon="ph.pause", tooltip="Hold the run; the model stays where it is")
        self.go_on_button = Button("Go on", "primary", "ph.play", tooltip="Continue with the next step")
        self.resume_button = Button("Resume", "primary", "ph.play", tooltip="Go on from the newest checkpoint")
        self.stop_button = Button("Stop", "danger", "ph.stop", tooltip="Save and end; it can be resumed later")
        self._shown: tuple[RunState | None, bool | None] = (None, None)
        self._connect()
        self.show_state(None, mine=False)

    def _connect(self) -> None:
        self.runs.activated.connect(self._on_chosen)
        for button, wish in (
            (self.checkpoint_button, self.checkpoint),
            (self.pause_button, self.pause),
            (self.go_on_button, self.go_on),
            (self.resume_button, self.resume),
            (self.stop_button, self.stop),
        ):
            button.clicked.connect(wish)

    def left(self) -> Sequence[QWidget]:
        return self.runs, self.tag

    def right(self) -> Sequence[QWidget]:
        return (
            self.rate,
            self.checkpoint_button,
            self.pause_button,
            self.go_on_button,
            self.resume_button,
            self.stop_button,
        )

    def show_runs(self, summaries: Sequence[RunSummary], followed: Path | None) -> None:
        """Those that trained or will train, newest first, and a way to begin another."""
        self.runs.blockSignals(True)
        self.runs.clear()
        listed = [s for s in summaries if s.state is not None and (s.planned.steps or s.folder == followed)]
        names, now = [summary.name for summary in listed], datetime.now().astimezone()
        for place, summary in enumerate(listed):
            # The newest of a name needs no date.
            again = summary.name in names[:place]
            began = f", {began_words(summary.began, now)}" if again else ""
            self.runs.add(summary.name + began, _detail(summary), str(summary.folder))
        if followed is not None and all(s.folder != followed for s in listed):
            self.runs.insertItem(0, followed.name, str(followed))
        self.runs.add("New run", "", _NEW)
        if followed is None or not self.runs.choose(str(followed)):
            self.runs.choose(_NEW)
        self.runs.blockSignals(False)

    def show_state(self, state: RunState | None, *, mine: bool) -> None:
        """state: None when no run is shown. mine: it is the current job, so that it can be steered."""
        if (state, mine) == self._shown:
            return
        self._shown = (state, mine)
        self.tag.setVisible(state is not None)
        if state is not None:
            self.tag.set(*_TAGS[state])
        ending = state in (RunState.STOPPING, RunState.SAVING)
        alive = mine and state is not None and not state.is_final
        steerable = alive and not ending
        buttons = {
            self.rate: alive,
            self.checkpoint_button: alive,
            self.pause_button: alive and state is not RunState.PAUSED,
            self.go_on_button: alive and state is RunState.PAUSED,
            self.stop_button: alive,
            self.resume_button: not mine and state in _RESUMABLE,
        }
        for widget, shown in buttons.items():
            if shown:
                widget.setVisible(True)
        self._keep_focus(buttons)
        for widget, shown in buttons.items():
            widget.setVisible(shown)
        for widget in (self.rate, self.checkpoint_button, self.pause_button, self.go_on_button, self.stop_button):
            # With the focus Stop stays as it is: Qt takes the focus from what cannot be pressed.
            widget.setEnabled(
                steerable or (ending and widget is self.stop_button and widget.window().focusWidget() is widget)
            )

    def _keep_focus(self, buttons: dict[QWidget, bool]) -> None:
        """It goes to the button that undoes what was pressed, or stays in the header."""
        counterparts = (
            (self.pause_button, self.go_on_button),
            (self.go_on_button, self.pause_button),
            (self.resume_button, self.stop_button),
            (self.stop_button, self.resume_button),
        )
        for gone, to in counterparts:
            if not buttons[gone]:
                to.setEnabled(True)
                pass_focus([gone], to if buttons[to] else self.runs)

    def _on_chosen(self, index: int) -> None:
        data = self.runs.itemData(index)
        self.chosen.emit(None if data == _NEW else Path(data))


def _detail(summary: RunSummary) -> str:
    planned = summary.planned
    layers = f"{planned.n_layer} layer{'' if planned.n_layer == 1 else 's'}"
    return f"{compact(planned.parameters)} parameters, {layers}" if planned.parameters else summary.stage
