"""Everything that is shown of a fine-tuning at work or over: banner, numbers, curves, answers and settings."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages.finetune.answers_list import AnswersList
from app.pages.finetune.run_charts import TuningCharts
from app.pages.finetune.run_readouts import TuningReadouts
from app.pages.finetune.run_settings import RunSettings
from app.pages.finetune.tuning_run import TuningRun
from app.theme.type import M, S
from app.widgets.banner import Banner, BannerWords
from app.widgets.metric_chart_pace import RepaintPace
from app.widgets.notice import Notice
from app.widgets.panel import Panel
from engine.events import RunState
from engine.launch.local import RecipeRun


class RunView(QWidget):
    """inspected(Inspection | None): what the pointer is over. compare(): the answers are wanted side by side."""

    inspected = Signal(object)
    compare = Signal()

    def __init__(self, run: TuningRun, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._followed: RecipeRun | None = None
        self.banner = Banner()
        self.notice = Notice()
        self.readouts = TuningReadouts(run)
        self.charts = TuningCharts(run)
        self.answers = AnswersList(sides=False)
        self.settings = RunSettings(run)
        self._answers_panel = Panel("Answers now", margins=(16, 10, 6, 6))
        self._answers_panel.body.addWidget(self.answers)
        self._pace = RepaintPace(self._show, self)
        self._lay_out()
        for plot in self.charts.plots:
            plot.pace.within = self._pace
        self.charts.loss.trouble.connect(desk.bus.error)
        for part in (self.readouts, self.charts, self.settings, self.answers):
            part.inspected.connect(self.inspected)

    def _lay_out(self) -> None:
        lower = QWidget()
        row = QHBoxLayout(lower)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(M)
        for panel, share in ((self._answers_panel, 60), (self.settings, 40)):
            row.addWidget(panel, share)
            panel.setMinimumHeight(212)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self.charts, 3)
        column.addWidget(lower, 2)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addWidget(self.banner)
        layout.addWidget(self.notice)
        layout.addWidget(self.readouts)
        layout.addWidget(scroll, 1)

    def follow(self, run: RecipeRun | None) -> None:
        """Another run: `TuningRun` is its state already."""
        self._followed = run
        self.charts.link.window = None
        self.changed()

    def changed(self) -> None:
        """Something new is known: the numbers follow at once, the charts soon, and only while the view is visible."""
        if self.isVisible():
            self.readouts.show_run()
            self._pace.ask()

    def shown(self) -> None:
        self._pace.now()

    def show_banner(self, words: BannerWords | None) -> None:
        self.banner.show_words(words)

    def _show(self) -> None:
        run = self._run
        self.notice.say(run.notice)
        self.readouts.show_run()
        self.charts.data_changed()
        self.settings.show_run(self._followed.recipe if self._followed else None)
        self._show_answers()

    def _show_answers(self) -> None:
        """Those of the newest look; of a run that is done, those of the model that is kept."""
        run, looks = self._run, list(self._run.answers)
        done = run.state is RunState.DONE and run.best is not None and run.best.step in run.answers
        step = run.best.step if done and run.best is not None else looks[-1] if looks else 0
        told = list(run.answers.get(step, {}).values())
        self.answers.show_answers(told, {})
        right = sum(answer.right for answer in told)
        self._answers_panel.set_title("Answers of the best" if done else "Answers now")
        words = f"step {step:,}: {right} of {len(told)} right" if told else "at the first look, before step 1"
        self._answers_panel.set_subtitle(words)
