"""The train and validation gap, in words, with the two dials that act on it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QThreadPool, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.train import inspections
from app.pages.train.dial_effect import DialEffect, Dot
from app.pages.train.gap_history import PastGap, comparable_gaps
from app.pages.train.gap_words import gap_words
from app.pages.train.run_model import TrainRun
from app.theme.type import L, M
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from engine.events import RunState
from engine.store.workspace import Workspace

_SUBTITLE = "validation minus train, and its two dials"


class GapPanel(Panel):
    """again({"dropout": .., "weight_decay": ..}): the run is wanted once more with these dials.
    inspected(Inspection | None)."""

    again = Signal(dict)
    inspected = Signal(object)
    _found = Signal(object, list)

    def __init__(self, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__("Gap", _SUBTITLE, parent=parent)
        self._run = run
        self._past: list[PastGap] = []
        self._asked: Any = None
        self._value = Readout("nats per token", "–")
        self._words = Label("", "muted", 11, wrap=True)
        self.dropout = DialEffect(
            "Dropout", 0.5, 0.01, "Share of activations dropped while training: against learning by heart."
        )
        self.weight_decay = DialEffect(
            "Weight decay", 1.0, 0.01, "Pull of every matrix towards zero: against learning by heart."
        )
        self._button = Button(
            "Run again", icon="ph.play", small=True, tooltip="The same recipe with these two dials, as a new run"
        )
        self._note = Label("", "muted", 11)
        self._build()
        self._found.connect(self._take_past)

    def _build(self) -> None:
        top, dials, foot = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.setSpacing(L)
        top.addWidget(self._value)
        top.addWidget(self._words, 1)
        dials.setSpacing(24)
        for effect in (self.dropout, self.weight_decay):
            dials.addWidget(effect, 1)
            effect.changed.connect(lambda _: self._show_button())
        foot.setSpacing(M)
        foot.addWidget(self._note, 1)
        foot.addWidget(self._button)
        self.body.addLayout(top)
        self.body.addLayout(dials, 1)
        self.body.addLayout(foot)
        self._button.clicked.connect(lambda: self.again.emit(self.wanted()))
        self._value.installEventFilter(self)

    def set_wide(self, wide: bool) -> None:
        self.set_subtitle(_SUBTITLE if wide else "")

    def wanted(self) -> dict[str, float]:
        """What the dials say, for the next run."""
        return {"dropout": self.dropout.number(), "weight_decay": self.weight_decay.number()}

    def begin(self, workspace: Workspace, folder: Path | None) -> None:
        """A run is shown, or its plan has just been settled: puts the dials where it has them."""
        self._past = []
        plan = self._run.plan
        self._asked = (folder, plan is not None)
        if plan is not None:
            self.dropout.set_number(plan["model"]["dropout"])
            self.weight_decay.set_number(plan["training"]["weight_decay"])
            key = self._asked
            QThreadPool.globalInstance().start(lambda: self._look_back(key, workspace, plan, folder))
        self.show_run()

    def _look_back(self, key: Any, workspace: Workspace, plan: dict[str, Any], folder: Path | None) -> None:
        """On a thread of the pool: other runs' files are many."""
        found = comparable_gaps(workspace, plan, folder)
        try:
            self._found.emit(key, found)
        except RuntimeError:
            return  # the window was closed meanwhile

    def _take_past(self, key: Any, past: list[PastGap]) -> None:
        if key == self._asked:
            self._past = past
            self.show_run()

    def show_run(self) -> None:
        gap = self._run.gap.last
        self._value.set_value(f"{gap:+.3f}" if math.isfinite(gap) else "–")
        run = self._run
        share = 1.0 if run.state is RunState.DONE else run.share or 0.0
        self._words.setText(gap_words(gap, share, run.epochs))
        plan = run.plan
        if plan is not None:
            dropout, decay = plan["model"]["dropout"], plan["training"]["weight_decay"]
            alike = [p for p in self._past if p.weight_decay == decay]
            self.dropout.set_dots(
                [*(Dot(p.dropout, p.gap, p.name) for p in alike), Dot(dropout, gap, "this run", focus=True)]
            )
            alike_too = [p for p in self._past if p.dropout == dropout]
            self.weight_decay.set_dots(
                [*(Dot(p.weight_decay, p.gap, p.name) for p in alike_too), Dot(decay, gap, "this run", focus=True)]
            )
        self._show_button()

    def _show_button(self) -> None:
        plan, wanted = self._run.plan, self.wanted()
        same = plan is None or (
            math.isclose(wanted["dropout"], plan["model"]["dropout"], abs_tol=1e-6)
            and math.isclose(wanted["weight_decay"], plan["training"]["weight_decay"], abs_tol=1e-6)
        )
        self._button.setEnabled(not same)
        count = len(self._past)
        if not same:
            self._note.setText("as a run of its own")
        elif count:
            self._note.setText(f"○ {count} earlier run{'' if count == 1 else 's'} like this")
        else:
            self._note.setText("move a dial to compare")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Enter:
            self.inspected.emit(inspections.gap(self._run))
        elif event.type() is QEvent.Type.Leave:
            self.inspected.emit(None)
        return False
