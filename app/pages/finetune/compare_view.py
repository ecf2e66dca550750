"""Before and after: the same questions to both models at every look, and which weights moved."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages.finetune.answers_list import EDGE, AnswersList
from app.pages.finetune.compare_ask import AskPanel, Both
from app.pages.finetune.compare_labels import LabelsPanel
from app.pages.finetune.compare_looks import LooksPanel
from app.pages.finetune.compare_moved import MovedPanel, most_moved
from app.pages.finetune.tuning_run import TuningRun
from app.theme.type import L, M
from app.widgets.label import Label
from app.widgets.metric_chart_pace import RepaintPace
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from engine.events import Answered

ALL, CHANGED, WRONG = range(3)


class CompareView(QWidget):
    """inspected(Inspection | None): what the pointer is over."""

    inspected = Signal(object)

    def __init__(self, run: TuningRun, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.looks = LooksPanel(run)
        self.filter = Segments(["All", "Changed", "Wrong"], small=True)
        self.filter.setAccessibleName("Which answers")
        self.filter.setToolTip("Changed: since the look before. Wrong: not right, or without an end.")
        self.answers = AnswersList()
        self.moved = MovedPanel()
        self.labels = LabelsPanel()
        self.ask = AskPanel(desk.engine)
        self._panel = Panel("Same questions, both models", margins=(16, 10, 6, 6))
        self._heads = Label("", "muted", 11), Label("", "muted", 11)
        self._pace = RepaintPace(self._show, self)
        self._lay_out()
        self.looks.moved.connect(self._show)
        self.filter.changed.connect(lambda _: self._show())
        for part in (self.answers, self.moved, self.labels):
            part.inspected.connect(self.inspected)

    def _lay_out(self) -> None:
        heads = self._over = QHBoxLayout()
        heads.setSpacing(L)
        for head in self._heads:
            head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            heads.addWidget(head, 1)
        self.answers.verticalScrollBar().rangeChanged.connect(self._align_heads)
        self._align_heads()
        self._panel.add_control(self.filter)
        self._panel.body.setSpacing(0)
        self._panel.body.addLayout(heads)
        self._panel.body.addWidget(self.answers, 1)
        self._side = QVBoxLayout()
        self._side.setSpacing(M)
        self._side.addWidget(self.labels, 1)
        self._side.addWidget(self.moved, 1)
        row = QHBoxLayout()
        row.setSpacing(M)
        row.addWidget(self._panel, 62)
        row.addLayout(self._side, 38)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.looks)
        layout.addLayout(row, 1)
        layout.addWidget(self.ask)

    def _align_heads(self) -> None:
        """Over their columns, with or without a scroll bar beside these."""
        bar = self.answers.verticalScrollBar()
        wide = bar.sizeHint().width() if bar.maximum() else 0
        self._over.setContentsMargins(0, 0, EDGE + wide, 0)

    def follow(self) -> None:
        """Another run: `TuningRun` is its state already."""
        self.looks.forget()
        self.changed()

    def changed(self) -> None:
        if self.isVisible():
            self._pace.ask()

    def shown(self) -> None:
        self._pace.now()

    def hidden(self) -> None:
        self.looks.stop()
        self.ask.stop()

    def use_models(self, both: Both | None) -> None:
        """Which models answer one's own questions."""
        self.ask.use(both)

    def _show(self) -> None:
        run = self._run
        self.looks.show_run()
        step, before = self.looks.chosen, self.looks.before
        told = run.answers.get(step, {}) if step is not None else {}
        earlier = run.answers.get(before, {}) if before is not None else {}
        kept = [answer for answer in told.values() if self._wanted(answer, earlier)]
        self.answers.show_answers(kept, earlier, self._nothing(bool(told)))
        self._heads[0].setText(f"{run.base_name or 'the base'} goes on")
        self._heads[1].setText(f"tuned, step {step:,}" if step else "tuned, step 0")
        right = sum(answer.right for answer in told.values())
        self._panel.set_subtitle(f"{right} of {len(told)} right" if told else "")
        seen = [at for at in run.moved if step is not None and at <= step]
        judged = [at for at in run.labels if step is not None and at <= step]
        self.labels.show_labels(run.labels[judged[-1]] if judged else None)
        self.moved.show_moved(run.moved[seen[-1]] if seen else None, most_moved(run.moved.values()))

    def _wanted(self, answer: Answered, earlier: dict[int, Answered]) -> bool:
        if self.filter.current() == CHANGED:
            before = earlier[answer.number].answer if answer.number in earlier else answer.base
            return before.strip() != answer.answer.strip()
        return self.filter.current() == ALL or not (answer.right and answer.stopped)

    def _nothing(self, told: bool) -> str:
        if not told:
            return "The first answers come before the first step: what the base says when it is asked as a chat."
        return "Nothing changed since the look before." if self.filter.current() == CHANGED else "None is wrong."
