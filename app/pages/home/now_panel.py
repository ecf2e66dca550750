"""The panel that says what happens now, and whether it fits this computer."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.jobs.run_summary import size_words
from app.pages.home.forecast import Forecast
from app.pages.home.now_words import NowWords
from app.pages.home.run_view import RunView, StageView
from app.pages.home.samples import Samples
from app.pages.home.sentence import Sentence
from app.theme.palette import colors
from app.widgets.fit_bars import Fit, FitBars
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.stage_card_mark import Mark, mark_of, paint_mark
from app.widgets.timeline import clock

_LOW = 345


class NowPanel(Panel):
    """`show_words` and `show_fit` are called with what is known; the panel leaves out what has no room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(margins=(20, 16, 20, 14), parent=parent)
        self.setAccessibleName("Now")
        self._mark = _MarkView()
        self._heading = Label(role="muted", size=11)
        self.sentence = Sentence()
        self._details = Label(role="muted", size=13, wrap=True)
        self._samples = Samples()
        self._fit_title = Label("Fits this computer", weight=600)
        self._fit_note = Label("line: estimate before Start", "muted", 11)
        self.fit = FitBars()
        self._build()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._mark)
        head.addWidget(self._heading, 1)
        self.body.setSpacing(0)
        self.body.addLayout(head)
        self.body.addSpacing(6)
        self.body.addWidget(self.sentence)
        self.body.addSpacing(14)
        self.body.addWidget(self._details)
        self.body.addWidget(self._samples)
        self.body.addStretch(1)
        self._below = QVBoxLayout()
        self._below.setSpacing(8)
        self._below.addWidget(Hairline())
        title = QHBoxLayout()
        title.addWidget(self._fit_title, 1)
        title.addWidget(self._fit_note)
        self._below.addLayout(title)
        self._below.addWidget(self.fit)
        self.body.addLayout(self._below)

    def show_words(self, words: NowWords, view: RunView | None) -> None:
        self._heading.setText(words.heading)
        self.sentence.set_words(words.sentence, words.role)
        self._details.setText(words.details)
        self._details.setVisible(bool(words.details))
        self._show_samples(view.model if view and not words.details else None)
        self._mark.show_mark(mark_of(view.state) if view else Mark.WAITING, view.current.share if view else 0.0)

    def _show_samples(self, stage: StageView | None) -> None:
        if stage is not None and stage.answers:
            self._samples.set_answers([stage.answers[number] for number in sorted(stage.answers)])
        else:
            self._samples.set_samples(stage.texts if stage is not None else [])

    def show_fit(self, forecast: Forecast, view: RunView | None, expected_seconds: float, free_bytes: int) -> None:
        """expected_seconds: of the whole run, as far as it can be told by now. free_bytes: on the workspace's disk."""
        alive = view is not None and not view.state.is_final
        self._fit_note.setText("line: estimate before Start" if view is not None else "line: estimate")
        self.fit.set_rows(
            [
                _memory(forecast, view),
                _time(forecast, view, expected_seconds, alive=alive),
                _disk(forecast, view, free_bytes, alive=alive),
            ]
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        low = self.height() < _LOW
        self.fit.set_compact(low)
        self._below.setSpacing(4 if low else 8)


class _MarkView(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._mark, self._share = Mark.WAITING, 0.0

    def show_mark(self, mark: Mark, share: float) -> None:
        self._mark, self._share = mark, share
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(12, 16)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_mark(painter, QPointF(6, self.height() / 2), self._mark, self._share, colors(self), 12.0)


def _memory(forecast: Forecast, view: RunView | None) -> Fit:
    now = view.memory_bytes if view else 0
    have = size_words(forecast.machine_memory)
    value = size_words(now) if now else size_words(round(forecast.memory_bytes))
    words = f"of {have} in this computer" if forecast.fits else f"more than the {have} here"
    return _fit("Memory", value, now, forecast.memory_bytes, words, alarm=not forecast.fits)


def _time(forecast: Forecast, view: RunView | None, expected: float, *, alive: bool) -> Fit:
    guess = clock(forecast.seconds)
    if view is None:
        words = "as this computer was measured" if forecast.measured else "a first guess, exact after one run"
        return _fit("Time", guess, 0, forecast.seconds, words)
    words = f"of {clock(expected)}, estimated {guess}" if alive else f"{guess} estimated"
    return _fit("Time", clock(view.elapsed), view.elapsed, forecast.seconds, words)


def _disk(forecast: Forecast, view: RunView | None, free: int, *, alive: bool) -> Fit:
    now = view.disk_bytes() if view else 0
    whole = size_words(round(forecast.disk_bytes))
    if view is None:
        full = forecast.disk_bytes > free
        words = f"only {size_words(free)} are free" if full else f"of {size_words(free)} free"
        return _fit("Disk", whole, 0, forecast.disk_bytes, words, alarm=full)
    return _fit("Disk", size_words(now), now, forecast.disk_bytes, f"{whole} {'when done' if alive else 'estimated'}")


def _fit(label: str, value: str, now: float, estimate: float, words: str, *, alarm: bool = False) -> Fit:
    """The bar ends where half as much again as the larger of the two would fit, so that both can be told apart."""
    scale = max(now, estimate) * 1.5 or 1.0
    return Fit(label, value, now / scale, estimate / scale if estimate else None, words, alarm)
