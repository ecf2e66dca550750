"""The status bar: device, memory, speed, loss, time left, what watching costs, and Stop."""

from __future__ import annotations

import os
import time
from collections import deque

import psutil
from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.widgets.bar import Bar
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.status_bar_run import LiveRun
from app.widgets.timeline import clock
from engine.events import RunState

HEIGHT = 28
_MEASURE_MS = 1000
_ROOM_FOR_REASONS = 1200
_METER_POINTS, _METER_SECONDS = 11, 3.0
_DTYPES = {"bfloat16": "bf16", "float32": "f32", "float16": "f16"}
_STOPPING = {RunState.STOPPING: "Stopping", RunState.SAVING: "Saving"}


class StatusBar(QWidget):
    """stop_asked: the Stop button was pressed. Everything shown is measured; what is not known is left out."""

    stop_asked = Signal()

    def __init__(self, live: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live = live
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Status")
        self._process = psutil.Process()
        self._whole = psutil.virtual_memory().total
        self._device = _Segment("ph.cpu", "device")
        self._memory = _Segment("own.memory", "memory of this window and the run in it")
        self._memory_bar = Bar(height=6, width=48, role="muted")
        self._memory.add(self._memory_bar)
        self._speed = _Segment("", "tokens trained on per second")
        self._loss = _Segment("", "loss of the last steps, smoothed, in nats per token", words_first=True)
        self._exact = _Segment("", "held-out questions answered word for word, at the last look", words_first=True)
        self._left = _Segment("", "time left of this stage at the present pace")
        self._watching = _Segment("", "", words_first=True, line=False)
        self.stop = Button("Stop", "danger", "ph.square", small=True, tooltip="Save a checkpoint and end the run")
        self.stop.clicked.connect(self.stop_asked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 1, 5, 0)
        layout.setSpacing(0)
        for segment in (self._device, self._memory, self._speed, self._loss, self._exact, self._left):
            layout.addWidget(segment)
        layout.addStretch(1)
        layout.addWidget(self._watching)
        layout.addWidget(self.stop)
        self._meter = Meter()
        self._timer = QTimer(self)
        self._timer.setInterval(_MEASURE_MS)
        self._timer.timeout.connect(self._measure)
        self._timer.start()
        live.changed.connect(self.refresh)
        self._measure_memory()
        self.refresh()

    def refresh(self) -> None:
        live = self._live
        state = live.state
        at_work = state is not None and live.is_current
        self._device.set(*self._device_words())
        speed = live.tokens_per_second if at_work and state is not RunState.PAUSED else None
        slow = self._live.is_slowed and self.width() > _ROOM_FOR_REASONS
        self._speed.set(f"{speed:,.0f}" if speed else "", "tokens/s, slower than before" if slow else "tokens/s")
        loss = live.loss if at_work else None
        self._loss.set("" if loss is None else f"{loss:.2f}", "loss")
        exact = live.exact if at_work else None
        self._exact.set("" if exact is None else f"{exact:.0%}", "exact")
        left = live.seconds_left if at_work else None
        self._left.set("" if left is None else clock(left), "left when resumed" if state is RunState.PAUSED else "left")
        self.stop.setVisible(state is not None)
        self.stop.set_text(_STOPPING.get(state, "Stop") if state else "Stop")
        self.stop.setEnabled(state not in _STOPPING)
        self._watching.setVisible(state is not None and self._meter.percent is not None)

    def hide_measures(self) -> None:
        """For pictures that must come out the same every time."""
        self._timer.stop()
        self._meter.percent = None
        self.refresh()

    def set_memory(self, used: float) -> None:
        """used: bytes."""
        self._memory.set(_gigabytes(used), "")
        expected = float(self._live.plan().get("estimate", {}).get("memory_bytes") or 0.0)
        if self._live.is_current and expected:
            whole = max(1.5 * expected, 1.2 * used)
            self._memory_bar.set(used / whole, expected / whole)
        else:
            self._memory_bar.set(used / self._whole)
        self._memory.setToolTip(
            f"{_gigabytes(used)} of this computer's {_gigabytes(self._whole)}: this window and the run in it. "
            "The stroke is what was expected before Start."
        )

    def _device_words(self) -> tuple[str, str]:
        plan, environment = self._live.plan(), self._live.environment()
        dtype = str(plan.get("precision") or environment.get("dtype") or "")
        words = _DTYPES.get(dtype, dtype)
        speedup = float(plan.get("bf16_speedup") or 0.0)
        if words == "bf16" and speedup and self.width() > 1100:
            words += f", measured {speedup:.1f}× faster"
        device = str(plan.get("device") or "")
        if device and "CPU" not in device:
            return device, words
        threads = int(plan.get("threads") or environment.get("threads") or _cores())
        return f"{threads} CPU core{'' if threads == 1 else 's'}", words

    def _measure(self) -> None:
        if not self.isVisible():
            return
        self._measure_memory()
        percent = self._meter.measure()
        if percent is not None:
            self._watching.set(f"{percent:.1f}%", "watching costs")
            self._watching.setToolTip(
                f"Processor time of the window's own thread, as a share of this computer's {self._meter.cores} cores, "
                "over the last ten seconds"
            )
        self.refresh()

    def _measure_memory(self) -> None:
        self.set_memory(self._process.memory_info().rss)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(p.surface))
        painter.fillRect(0, 0, self.width(), 1, QColor(p.hairline))


class Meter:
    """What the calling thread costs: its processor time against the time that all cores had.

    percent: over the last ten seconds of measuring, 0 to 100; None before there are three, so that building the
    window does not count as watching.
    """

    def __init__(self) -> None:
        self.percent: float | None = None
        self.cores = _cores()
        self._points: deque[tuple[float, float]] = deque(maxlen=_METER_POINTS)

    def measure(self) -> float | None:
        """Call it about once a second, always on the same thread."""
        self._points.append((time.monotonic(), time.thread_time()))
        (began, before), (now, spent) = self._points[0], self._points[-1]
        if now - began >= _METER_SECONDS:
            self.percent = 100 * (spent - before) / (now - began) / self.cores
        return self.percent


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count < 1e10 else f"{count / 1e9:.0f} GB"


def _cores() -> int:
    """Physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


class _Segment(QWidget):
    """A value in 13 and what it is in 11, then a line. Empty values hide it."""

    def __init__(self, icon: str, tooltip: str, *, words_first: bool = False, line: bool = True) -> None:
        super().__init__()
        self._line = line
        self.setToolTip(tooltip)
        self._value = Label(size=11, weight=500, steady=True)
        self._words = Label(role="muted", size=11, steady=True)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(14, 0, 14, 0)
        self._layout.setSpacing(6)
        if icon:
            self._layout.addWidget(_Sign(icon))
        parts = (self._words, self._value) if words_first else (self._value, self._words)
        for part in parts:
            self._layout.addWidget(part)

    def add(self, widget: QWidget) -> None:
        self._layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def set(self, value: str, words: str) -> None:
        self._value.setText(value)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self.setVisible(bool(value))
        self.setAccessibleName(f"{words} {value}".strip())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._line:
            QPainter(self).fillRect(self.width() - 1, 6, 1, self.height() - 12, QColor(colors(self).hairline))


class _Sign(QWidget):
    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = icon
        self.setFixedSize(13, 13)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_icon(QPainter(self), QRectF(self.rect()), self._icon, colors(self).muted, bold=True)
