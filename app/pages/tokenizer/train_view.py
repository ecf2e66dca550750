"""Train: a tokenizer of one's own from a corpus of the workspace, and what it learns, as it learns it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.run_summary import size_words
from app.pages.tokenizer.choice import artifact_name
from app.pages.tokenizer.compression_chart import CompressionChart
from app.pages.tokenizer.learned_merges import LearnedMerges
from app.pages.tokenizer.training import STAGE, TrainingTold, corpora, make_recipe
from app.pages.tokenizer.view import View
from app.theme.type import L, M, S
from app.widgets.bar import Bar
from app.widgets.buttons import Button
from app.widgets.chips import Chips
from app.widgets.combo import Combo
from app.widgets.config_form import ConfigForm
from app.widgets.cost_words import cost_words
from app.widgets.empty_state import EmptyState
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.timeline import clock
from engine.errors import CutawayError
from engine.events import Event, RunState
from engine.launch.forecast import forecast
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe
from engine.stages.train_tokenizer import Config

_FIRST = ("kind", "vocab_size", "pattern", "min_frequency", "document_cap", "balance")
_FORM_WIDTH, _NARROW = 436, 940
_COUNT = "then count its tokens in the corpus"
_STATES = {
    RunState.STOPPED: "stopped, nothing is kept",
    RunState.FAILED: "failed",
    RunState.DIED: "ended without a word",
    RunState.DONE: "learned",
}


class TrainView(View):
    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._index: int | None = None
        self.told = TrainingTold()
        self.corpus = Combo(name="Corpus")
        self.form = ConfigForm(Config, _FIRST)
        self.form.set_preset({})
        self.count = Chips((_COUNT,))
        self.count.set_chosen((_COUNT,))
        self.cost = Label("", "muted", 11, wrap=True)
        self.start = Button("Train", "primary", "ph.play", tooltip="Learn a tokenizer with these settings")
        self.cancel = Button("Cancel", "danger", "ph.stop", tooltip="Ends at once and keeps nothing")
        self.learned = Readout("merges learned", "0", size=28)
        self.ratio = Readout("bytes per token", "–", size=20)
        self.left = Readout("left", "–", size=20)
        self.bar = Bar(height=6)
        self.words = Label("", "muted", 11, wrap=True)
        self.chart = CompressionChart()
        self.merges = LearnedMerges()
        self.merges.inspected.connect(self.inspected)
        self.live = QStackedWidget()
        self._lay_out()
        self._connect()
        self._on_reset(desk.feed.run)

    def _lay_out(self) -> None:
        form = Panel("Train a tokenizer", "on a corpus of yours", margins=(16, 12, 6, 12))
        form.setMinimumWidth(_FORM_WIDTH)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        self.form.setAutoFillBackground(False)
        self.form.setContentsMargins(0, 0, 10, 0)
        scroll.viewport().setAutoFillBackground(False)
        top = QHBoxLayout()
        top.setSpacing(M)
        top.addWidget(Label("Corpus"))
        top.addWidget(self.corpus)
        top.addStretch(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 0, 10, 0)
        foot.setSpacing(M)
        foot.addWidget(self.cost, 1)
        foot.addWidget(self.start)
        foot.addWidget(self.cancel)
        form.body.addLayout(top)
        form.body.addWidget(scroll, 1)
        form.body.addWidget(self.count)
        form.body.addLayout(foot)
        empty = Panel()
        empty.body.addWidget(
            EmptyState(
                "own.tokens",
                "Here its merges will come in, the first ones first: letters become pieces, pieces become words.",
            )
        )
        self.live.addWidget(empty)
        self.live.addWidget(self._build_live())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        self.live.setMinimumWidth(320)
        layout.addWidget(form, 13)
        layout.addWidget(self.live, 10)

    def _build_live(self) -> QWidget:
        self.now = Panel("Learning")
        row = QHBoxLayout()
        row.setSpacing(L + S)
        for readout in (self.learned, self.ratio, self.left):
            row.addWidget(readout, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        self.now.body.addLayout(row)
        self.now.body.addWidget(self.bar)
        self.now.body.addWidget(self.words)
        curve = Panel("Compression", "bytes of text in a token")
        curve.body.addWidget(self.chart, 1)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self.now)
        column.addWidget(curve, 5)
        column.addWidget(self.merges, 4)
        return holder

    def _connect(self) -> None:
        desk = self._desk
        self.form.changed.connect(self._reckon)
        self.count.changed.connect(self._reckon)
        self.corpus.activated.connect(lambda _: self._reckon())
        self.start.clicked.connect(self.begin)
        self.cancel.clicked.connect(desk.jobs.stop)
        desk.feed.reset.connect(self._on_reset)
        desk.feed.events.connect(self._on_events)
        desk.feed.status.connect(self._on_status)
        desk.jobs.changed.connect(self._show)
        desk.bus.workspace_changed.connect(lambda _: self.offer())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the words of the settings need the room; what was entered is still seen by its colour."""
        for row in self.form.rows.values():
            row.origin.setVisible(self.width() >= _NARROW)
        super().resizeEvent(event)

    def shown(self) -> None:
        self.offer()
        self._show()

    # What a person sets

    def offer(self) -> None:
        """The corpora there are; the chosen one stays chosen."""
        before = self.corpus.currentData()
        self.corpus.clear()
        for artifact in corpora(self._desk.workspace):
            figures = artifact.manifest.figures
            size = size_words(int(figures.get("bytes", 0)))
            words = f"{int(figures.get('documents', 0)):,} documents, {size}"
            self.corpus.add(artifact_name(artifact), words, artifact.folder)
        if before is not None:
            self.corpus.choose(before)
        self._reckon()

    def recipe(self) -> Recipe | None:
        """Raises CutawayError for values that are out of bounds; None without a corpus."""
        folder = self.corpus.currentData()
        found = next((one for one in corpora(self._desk.workspace) if one.folder == folder), None)
        if found is None:
            return None
        return make_recipe(found, self.form.entered(), count=bool(self.count.chosen()))

    def _reckon(self) -> None:
        self.start.setEnabled(False)
        self.cost.set_role("muted")
        if self.form.errors():
            self.cost.setText("One of the values is out of bounds.")
            self.cost.set_role("danger")
            return
        try:
            recipe = self.recipe()
            if recipe is None:
                self.cost.setText("There is no corpus yet. Drop a text on the window, or start a first run on Home.")
                return
            self.cost.setText(cost_words(forecast(recipe, self._desk.workspace)))
        except CutawayError as error:
            self.cost.setText(f"{error.why} {error.remedy}")
            self.cost.set_role("danger")
            return
        self.start.setEnabled(True)

    def begin(self) -> None:
        try:
            recipe = self.recipe()
            if recipe is None:
                return
            run = self._desk.jobs.start(recipe)
            if any(job.run.folder == run.folder for job in self._desk.jobs.waiting):
                words = f"The tokenizer of {recipe.name} waits until the run at work is done."
                self._desk.bus.notice.emit("ok", words)
                return
            self._desk.feed.follow(run.folder)
        except CutawayError as error:
            self._desk.bus.error.emit(error)

    # What the run tells

    def _on_reset(self, run: RecipeRun | None) -> None:
        self.told = TrainingTold()
        self._index = self._desk.feed.stage_index(STAGE)
        if run is not None and self._index is not None:
            self.told.take(self._desk.feed.history(STAGE))
            status = self._desk.feed.stage_status(self._index)
            self.told.state = status.state if status.state.is_final else self.told.state
        self._show()

    def _on_events(self, index: int, _name: str, events: list[Event]) -> None:
        if index == self._index:
            self.told.take(events)
            self._show()

    def _on_status(self, index: int, status: Any) -> None:
        if index == self._index and status.state.is_final:
            self.told.state = status.state
            self._show()

    def _settle(self) -> None:
        """A run that ended before it came to the tokenizer tells so nowhere else."""
        run = self._desk.feed.run
        if run is not None and self.told.state is RunState.WAITING and not self._is_mine():
            state = run.status().state
            self.told.state = state if state.is_final else self.told.state

    def _is_mine(self) -> bool:
        job, run = self._desk.jobs.current, self._desk.feed.run
        return job is not None and run is not None and job.run.folder == run.folder

    # What is shown

    def _show(self) -> None:
        if self._index is not None:
            self._settle()
        told, run = self.told, self._desk.feed.run
        working = self._is_mine() and self._index is not None and not told.state.is_final
        self.cancel.setVisible(working)
        self.start.setVisible(not working)
        self.live.setCurrentIndex(0 if self._index is None else 1)
        if self._index is None or run is None:
            return
        settings = run.recipe.stages[self._index].config.model_dump()
        wanted = int(settings.get("vocab_size", 257))
        self.now.set_title("Learning" if told.at_work else "Learned")
        state = _STATES.get(told.state, "" if told.at_work else "waits for its turn")
        self.now.set_subtitle(f"{run.recipe.name}, {settings.get('kind')}: {state}" if state else str(run.recipe.name))
        self._show_numbers(wanted)
        self.chart.show_curve(sorted(told.curve), wanted)
        self.merges.show_merges(told.merges)

    def _show_numbers(self, wanted: int) -> None:
        told = self.told
        doing = told.progress
        count = doing.done if doing is not None and doing.unit == "merges" else 0
        if told.state is RunState.DONE or told.curve:
            count = max((event.step for event in told.merges), default=0)
            count = max(count, max((size for size, _ in told.curve), default=257) - 257)
        self.learned.set_value(f"{count:,}", f"of {max(wanted - 257, 0):,}")
        ratio = told.figures.get("bytes_per_token") or (told.curve[-1][1] if told.curve else None)
        self.ratio.set_value(f"{float(ratio):.2f}" if ratio else "–")
        left = told.left
        self.left.set_label("left" if told.at_work else "took")
        self.left.set_value((clock(left) if left is not None else "–") if told.at_work else clock(told.seconds))
        self.bar.set(1.0 if told.state is RunState.DONE else told.share)
        says = [doing.message] if doing is not None and told.at_work and doing.message else []
        self.words.setText(" ".join([*says, *told.notices[-1:], told.problem]).strip())
        self.words.set_role("danger" if told.problem else "muted")
        self.words.setVisible(bool(self.words.text()))
