"""The last runs at a glance: what they reached, how they went and how they ended; before the first, what to expect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.jobs.run_summary import RunSummary, began_words
from app.pages.home.first_steps import FirstSteps
from app.pages.home.sentence import elided
from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.buttons import Button, paint_focus
from app.widgets.clickable import Clickable
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.sparkline import paint_sparkline
from engine.events import RunState

ROWS = 7
_FEW = 2  # so many leave room for what else there is
_ROW, _HEAD = 36, 26
# Name, began, result (right edge), loss, ended: shares of the width, as the mockup has them.
_COLUMNS = (0.0, 0.19, 0.405, 0.43, 0.58)
_MIDDLE = (0.0, 0.208, 0.437, 0.46, 0.59)
_NARROW = (0.0, 0.28, 0.36, 0.39, 0.56)


class RecentRuns(Panel):
    opened = Signal(object)  # RunSummary
    resumed = Signal(object)  # folder
    all_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Recent runs", margins=(20, 12, 20, 8), parent=parent)
        everything = Button("All runs  ›", "quiet", tooltip="Every run of this workspace")
        everything.clicked.connect(self.all_wanted)
        self.add_control(everything)
        self._everything = everything
        self._head = _Head()
        self._rows: list[_Row] = []
        self._total = 0
        self.first_steps = FirstSteps()
        self.body.setSpacing(0)
        self.body.addWidget(self._head)
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.body.addLayout(self._list)
        self._meanwhile = Label("What you can see", weight=600)
        self._meanwhile.setContentsMargins(0, 16, 0, 0)
        self.body.addWidget(self._meanwhile)
        self.body.addWidget(self.first_steps)
        self.body.addStretch(1)
        self.show_runs([], 0)

    def show_runs(self, runs: Sequence[RunSummary], total: int) -> None:
        """runs: newest first; total: how many there are in the workspace."""
        self._total = total
        while len(self._rows) < min(len(runs), ROWS):
            row = _Row()
            row.opened.connect(self.opened)
            row.resumed.connect(self.resumed)
            self._rows.append(row)
            self._list.addWidget(row)
        while len(self._rows) > len(runs):
            self._rows.pop().deleteLater()
        for row, summary in zip(self._rows, runs, strict=False):
            row.show_run(summary)
        self._head.setVisible(bool(runs))
        self.first_steps.setVisible(len(runs) <= _FEW)
        self._meanwhile.setVisible(0 < len(runs) <= _FEW)
        self.set_title("Recent runs" if runs else "What you will see")
        self._everything.setVisible(total > 0)
        self._fit()

    def rows(self) -> int:
        return len(self._rows)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 160)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As many rows as have room; the subtitle says how many of how many."""
        room = max((self.height() - 24 - 28 - _HEAD) // _ROW, 1)
        for index, row in enumerate(self._rows):
            row.setVisible(index < room)
        shown = min(room, len(self._rows))
        self.set_subtitle(f"{shown} of {self._total}" if self._total else "")


class _Head(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEAD)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        names = ("Name", "Began", "Result", "Loss", "State")
        for name, box in zip(names, _boxes(self), strict=True):
            if box.width() <= 0:
                continue
            side = Qt.AlignmentFlag.AlignRight if name == "Result" else Qt.AlignmentFlag.AlignLeft
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, name)
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), QColor(p.hairline))


class _Row(Clickable):
    opened = Signal(object)
    resumed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_ROW)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._summary: RunSummary | None = None
        self._resume = Button("Resume", small=True, tooltip="Go on from its newest checkpoint", parent=self)
        self._resume.clicked.connect(lambda: self.resumed.emit(self.folder))

    @property
    def folder(self) -> Path | None:
        return self._summary.folder if self._summary else None

    def show_run(self, summary: RunSummary) -> None:
        if summary == self._summary:
            return
        self._summary = summary
        self._resume.setVisible(summary.state is RunState.DIED)
        self.setAccessibleName(f"{summary.name}, {summary.ended_words}")
        self._place()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        hint = self._resume.sizeHint()
        self._resume.setGeometry(
            self.width() - hint.width() - 8, (_ROW - hint.height()) // 2, hint.width(), hint.height()
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        run = self._summary
        if run is None:
            return
        p = colors(self)
        painter = QPainter(self)
        if self._hovered:
            painter.fillRect(QRectF(self.rect()).adjusted(-8, 0, 8, -1), QColor(p.raised))
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), QColor(p.hairline))
        name, began, result, loss, ended = _boxes(self)
        self._text(painter, name, run.name, p.text, font(13, weight=500))
        self._text(painter, began, began_words(run.began, datetime.now().astimezone()), p.muted)
        right = Qt.AlignmentFlag.AlignRight
        broken = run.result is not None and not math.isfinite(run.result)
        self._text(painter, result, _result_words(run), p.danger if broken else p.text, side=right)
        color = QColor(p.danger if broken else p.accent if run.is_live else p.muted)
        paint_sparkline(painter, loss.adjusted(0, 9, -8, -9), run.loss_points, color, max(run.share, 0.25))
        self._paint_end(painter, ended, run, p)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), p.accent, 4)

    def _paint_end(self, painter: QPainter, box: QRectF, run: RunSummary, p: Palette) -> None:
        if run.is_live and run.state is not None:
            painter.setFont(font(11))
            word = run.state.value
            tag = QRectF(box.left(), box.center().y() - 9, painter.fontMetrics().horizontalAdvance(word) + 12, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.soft_accent))
            painter.drawRoundedRect(tag, 3, 3)
            painter.setPen(QColor(p.accent))
            painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, word)
            box = box.adjusted(tag.width() + 8, 0, 0, 0)
        if self._resume.isVisibleTo(self):
            box = box.adjusted(0, 0, -self._resume.width() - 16, 0)
        role = {RunState.FAILED: p.danger, RunState.DIED: p.warning, None: p.danger}.get(run.state, p.muted)
        self._text(painter, box, run.ended_words.split(";")[0], role)  # the cause; what followed is told on its page

    def _text(
        self,
        painter: QPainter,
        box: QRectF,
        text: str,
        color: str,
        chosen: QFont | None = None,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        if box.width() <= 0:
            return
        painter.setFont(chosen or font(13))
        painter.setPen(QColor(color))
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, elided(painter, text, box.width()))

    def activate(self) -> None:
        self.opened.emit(self._summary)


def _boxes(widget: QWidget) -> tuple[QRectF, ...]:
    """Where each column of a row stands; a narrow row does without the time, which comes to have no width."""
    width, height = float(widget.width()), float(widget.height())
    columns = _COLUMNS if width > 680 else _MIDDLE if width > 560 else _NARROW
    name, began, result, loss, ended = (share * width for share in columns)
    return (
        QRectF(name, 0, began - name - 8, height),
        QRectF(began, 0, max(result - began - 34, 0.0), height),
        QRectF(result - 34, 0, 34, height),
        QRectF(loss, 0, ended - loss - 8, height),
        QRectF(ended, 0, width - ended, height),
    )


def _result_words(run: RunSummary) -> str:
    """A fine-tuning is told by what it answers."""
    if run.exact is not None and (run.result is None or math.isfinite(run.result)):
        return f"{run.exact:.0%}"
    if run.result is None:
        return ""
    return f"{run.result:.2f}" if math.isfinite(run.result) else "NaN"
