"""The chosen run at length: how the loss went, what each stage took, what it was and where it lies."""

from __future__ import annotations

import math
import re
from datetime import datetime

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.item_models.runs import loss_text, result_text
from app.jobs.run_summary import RunSummary, StageLine, began_words, duration_words, size_words
from app.theme.palette import colors
from app.theme.type import S, font
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.sparkline import paint_sparkline
from app.widgets.stage_card_mark import mark_of, paint_mark
from app.widgets.tag import Tag
from engine.events import RunState

WIDTH = 320
_WHEN = re.compile(r"-\d{8}-\d{6}")  # when a run began, in the name of its folder
_KINDS = {RunState.DONE: "ok", RunState.FAILED: "danger", RunState.DIED: "warning", None: "danger"}


class RunDetail(Panel):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(20, 16, 8, 16), parent=parent)
        self.setFixedWidth(WIDTH)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().setAutoFillBackground(False)
        self.body.addWidget(self._scroll)
        self._shown: tuple[RunSummary | None, int] | None = None

    def show_run(self, run: RunSummary | None, others: int = 0) -> None:
        """others: how many more rows are chosen; they are only counted."""
        if self._shown == (run, others):
            return
        self._shown = (run, others)
        content = QWidget()
        content.setAutoFillBackground(False)
        if run is not None:
            _fill(content, run, others)
        self._scroll.setWidget(content)
        content.setAutoFillBackground(False)  # a scroll area switches it on


def _fill(widget: QWidget, run: RunSummary, others: int) -> None:
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 12, 0)
    layout.setSpacing(S)
    head = QHBoxLayout()
    head.addWidget(Label(run.name, size=15, weight=600, wrap=True), 1)
    kind = "accent" if run.is_live else _KINDS.get(run.state, "neutral")
    head.addWidget(Tag(run.state.value if run.state else "unreadable", kind), 0, Qt.AlignmentFlag.AlignTop)
    layout.addLayout(head)
    words = f"{run.ended_words}." if not run.is_live else run.description
    layout.addWidget(Label(words + (f" {others} more are chosen." if others else ""), "muted", wrap=True))
    if run.result is not None:
        _add_result(layout, run)
    _add_parts(layout, run)
    layout.addStretch(1)


def _add_parts(layout: QVBoxLayout, run: RunSummary) -> None:
    for title, body in (("Stages", _stages(run)), ("This run", _facts(run))):
        layout.addSpacing(S)
        layout.addWidget(Hairline())
        layout.addSpacing(S)
        layout.addWidget(Label(title, "muted", 11))
        layout.addLayout(body)


def _add_result(layout: QVBoxLayout, run: RunSummary) -> None:
    layout.addSpacing(S)
    role = "text" if math.isfinite(run.result or 0.0) else "danger"
    if run.exact is not None and role == "text":
        layout.addWidget(Readout("of what it was not trained on is right", result_text(run), size=28))
        layout.addSpacing(S)
        layout.addWidget(Readout(run.result_words, loss_text(run), size=15))
    else:
        layout.addWidget(Readout(run.result_words, loss_text(run), size=28, role=role))
    layout.addSpacing(S)
    layout.addWidget(_Curve(run))


def _stages(run: RunSummary) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(S)
    for stage in run.stages:
        column.addWidget(_Stage(stage, run.share))
    return column


def _facts(run: RunSummary) -> QGridLayout:
    planned = run.planned
    facts = [("Began", began_words(run.began, datetime.now().astimezone()))]
    if planned.parameters:
        facts.append(("Model", f"{_millions(planned.parameters)} parameters"))
        facts.append(("", f"{planned.n_layer} layers of width {planned.d_model}"))
    if planned.method:
        facts += [("From", _WHEN.sub("", planned.base)), ("Method", planned.method_words)]
        facts.append(("Conversations", f"{planned.conversations:,}"))
    if run.best_step:
        facts.append(("Best at step", f"{run.best_step:,}"))
    if run.step:
        facts.append(("Steps", f"{run.step:,}" + (f" of {planned.steps:,}" if planned.steps else "")))
    if planned.seconds:
        facts.append((f"{planned.stage} expected", duration_words(planned.seconds)))
    facts.append(("Worked", duration_words(run.seconds)))
    facts.append(("On disk", size_words(run.bytes)))
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for row, (key, value) in enumerate(facts):
        grid.addWidget(Label(key, "muted"), row, 0)
        label = Label(value, wrap=True)
        label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(label, row, 1)
    grid.addWidget(_path(run), len(facts), 0, 1, 2)
    return grid


def _path(run: RunSummary) -> Label:
    """The folder's name, shortened in the middle where it is too long; whole in the tooltip."""
    label = Label(size=11, role="muted", fixed=True)
    metrics = QFontMetrics(label.font())
    label.setText(metrics.elidedText(run.folder.name, Qt.TextElideMode.ElideMiddle, WIDTH - 42))
    label.setToolTip(str(run.folder))
    return label


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f}M" if count >= 1e5 else f"{count:,}"


class _Curve(QWidget):
    """The sparkline again, large enough to read: with its first and its last value."""

    def __init__(self, run: RunSummary) -> None:
        super().__init__()
        self._run = run
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training loss over the run")

    def sizeHint(self) -> QSize:
        return QSize(200, 112)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        finite = [value for value in self._run.loss_points if math.isfinite(value)]
        if len(finite) < 2:
            return
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        room = painter.fontMetrics().horizontalAdvance("00.00") + 6
        area = QRectF(self.rect()).adjusted(room, 10, -6, -24)
        for value, y in ((max(finite), area.top()), (min(finite), area.bottom())):
            painter.fillRect(QRectF(area.left(), y, area.width(), 1), QColor(p.hairline))
            box = QRectF(0, y - 8, room - 6, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.2f}")
        below = QRectF(area.left(), area.bottom() + 6, area.width(), 16)
        planned = self._run.planned.steps or self._run.step
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "step 1")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{planned:,}")
        broke = len(finite) < len(self._run.loss_points)
        ink = QColor(p.danger if broke else p.focused)
        paint_sparkline(painter, area, self._run.loss_points, ink, max(self._run.share, 0.05))


class _Stage(QWidget):
    """One line: its sign, its name, what it took."""

    def __init__(self, stage: StageLine, share: float) -> None:
        super().__init__()
        self._stage = stage
        self._share = share
        self.setFixedHeight(20)
        self.setAccessibleName(f"{stage.title}: {stage.state.value}")

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        waits = self._stage.state is RunState.WAITING
        paint_mark(painter, QPointF(7, self.height() / 2), mark_of(self._stage.state), self._share, p, 12)
        painter.setFont(font(13))
        painter.setPen(QColor(p.muted if waits else p.text))
        box = QRectF(self.rect()).adjusted(24, 0, 0, 0)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._stage.title)
        painter.setPen(QColor(p.muted))
        took = "" if waits else duration_words(self._stage.seconds)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, took)
