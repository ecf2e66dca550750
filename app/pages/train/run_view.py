"""Everything that is shown of one run: banner, notice, numbers, curves, gap, settings and samples."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages.train.charts import TrainCharts
from app.pages.train.gap_panel import GapPanel
from app.pages.train.readouts import Readouts
from app.pages.train.run_model import TrainRun
from app.pages.train.settings_panel import SettingsPanel
from app.theme.type import M, S
from app.widgets.banner import Banner, BannerWords
from app.widgets.metric_chart_pace import RepaintPace
from app.widgets.metric_chart_scale import duration
from app.widgets.notice import Notice
from app.widgets.panel import Panel
from app.widgets.sample_list import SampleList, SampleRow
from engine.launch.local import RecipeRun

_ROOM_FOR_SUBTITLES = 920
_SLOWED = "Slower than before in this run: other programs probably use the processor."


class RunView(QWidget):
    """inspected(Inspection | None); again(dict): the run is wanted once more with other dials."""

    inspected = Signal(object)

    def __init__(self, run: TrainRun, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run, self._desk = run, desk
        self._followed: RecipeRun | None = None
        self.banner = Banner()
        self.notice = Notice()
        self.readouts = Readouts(run)
        self.charts = TrainCharts(run)
        self.gap = GapPanel(run)
        self.settings = SettingsPanel(run)
        self.samples = SampleList()
        self.again = self.gap.again
        self._sample_panel = Panel("Samples", margins=(16, 10, 10, 8))
        self._sample_panel.body.addWidget(self.samples)
        self._pace = RepaintPace(self._show, self)
        self._lay_out()
        for plot in self.charts.plots:
            plot.pace.within = self._pace
        self.charts.loss.trouble.connect(desk.bus.error)
        for part in (self.readouts, self.charts, self.gap, self.settings):
            part.inspected.connect(self.inspected)

    def _lay_out(self) -> None:
        lower = _LowerRow()
        for panel, share in ((self.gap, 36), (self.settings, 30), (self._sample_panel, 34)):
            lower.row.addWidget(panel, share)
            panel.setMinimumWidth(220)
        for panel in (self.gap, self.settings, self._sample_panel):
            panel.setMinimumHeight(236)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self.charts, 100)
        column.addWidget(lower, 1)
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= _ROOM_FOR_SUBTITLES
        self.gap.set_wide(wide)
        self.settings.set_wide(wide)
        super().resizeEvent(event)

    def follow(self, run: RecipeRun | None) -> None:
        """Another run: `TrainRun` is its state already."""
        self._followed = run
        self.charts.link.window = None
        self.plan_settled()

    def plan_settled(self) -> None:
        folder = self._followed.folder if self._followed else None
        self.gap.begin(self._desk.workspace, folder)
        self.changed()

    def changed(self) -> None:
        """Something new is known. The numbers follow at once, as those of the frame do; the charts follow soon, and
        only while the view is visible."""
        if self.isVisible():
            self.readouts.show_run()
            self.charts.speed.say()
            self._pace.ask()

    def shown(self) -> None:
        self._pace.now()

    def show_banner(self, words: BannerWords | None) -> None:
        self.banner.show_words(words)

    def _show(self) -> None:
        self.notice.say(self._run.notice or (_SLOWED if self._run.is_slowed else ""))
        self.readouts.show_run()
        self.charts.data_changed()
        self.gap.show_run()
        self.settings.show_run(self._followed.recipe if self._followed else None)
        self._show_samples()

    def _show_samples(self) -> None:
        run = self._run
        self.samples.set_rows([SampleRow(s.step, s.prompt, s.text) for s in run.samples])
        if run.samples:
            prompt = run.samples[-1].prompt.strip().replace("\n", " ")
            self._sample_panel.set_subtitle(f"“{prompt[:18].strip()}…”, seed {run.samples[-1].seed}")
        else:
            self._sample_panel.set_subtitle("what the model writes as it learns")
        left, step = run.seconds_to_sample, run.next_sample_step
        coming = step and not run.state.is_final
        words = "next sample" if left != left else f"next sample in {duration(left)}"
        self.samples.set_coming(step, words if coming else "")


class _LowerRow(QWidget):
    """Panels whose wrapped sentences must not make the page ask for more height than the window has: without this
    the curve would not give way before the page scrolls."""

    def __init__(self) -> None:
        super().__init__()
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(M)

    def hasHeightForWidth(self) -> bool:
        return False
