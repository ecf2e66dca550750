"""What memory holds while a model is tuned, for both methods side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.jobs.run_summary import size_words
from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.inspection import Inspection, Table

KINDS = ("weights", "gradients", "averages", "activations", "program")
_ROW, _BAR, _LEGEND = 44.0, 12.0, 22.0


@dataclass(frozen=True)
class Memory:
    """bytes by kind, in the order of KINDS. averages: AdamW's two. program: Python, torch and the window."""

    name: str
    bytes: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.bytes)


class MemoryBars(QWidget):
    """inspected(Inspection | None)."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Memory, ...] = ()
        self._chosen = 0
        self.setAccessibleName("Memory of both methods")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_memory(self, rows: Sequence[Memory], chosen: int) -> None:
        self._rows, self._chosen = tuple(rows), chosen
        self.setAccessibleDescription(". ".join(f"{row.name}: {size_words(round(row.total))}" for row in rows))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, round(len(self._rows) * _ROW + _LEGEND))

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max((row.total for row in self._rows), default=1.0)
        for index, row in enumerate(self._rows):
            self._paint_row(painter, QRectF(0, index * _ROW, self.width(), _ROW), row, most, p, index == self._chosen)
        self._paint_legend(painter, len(self._rows) * _ROW, p)

    def _paint_row(self, painter: QPainter, box: QRectF, row: Memory, most: float, p: Palette, chosen: bool) -> None:
        painter.setFont(font(13, weight=600 if chosen else 400))
        painter.setPen(QColor(p.text if chosen else p.muted))
        line = QRectF(box.left(), box.top(), box.width(), 20)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, row.name)
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(line, side, size_words(round(row.total)))
        x, top = box.left(), box.top() + 22
        painter.setPen(Qt.PenStyle.NoPen)
        for kind, size in enumerate(row.bytes):
            wide = size / most * box.width()
            if wide > 0:
                painter.setBrush(_ink(kind, p))
                painter.drawRect(QRectF(x, top, max(wide - 1, 1), _BAR))
            x += wide

    def _paint_legend(self, painter: QPainter, top: float, p: Palette) -> None:
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        words = sum(metrics.horizontalAdvance(name) + 14 for name in KINDS)
        gap = min(14.0, max((self.width() - words) / (len(KINDS) - 1), 4.0))
        x = 0.0
        for kind, name in enumerate(KINDS):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_ink(kind, p))
            painter.drawRect(QRectF(x, top + 7, 9, 9))
            painter.setPen(QColor(p.muted))
            painter.drawText(QPointF(x + 14, top + 15.5), name)
            x += metrics.horizontalAdvance(name) + 14 + gap

    def enterEvent(self, event: QEnterEvent) -> None:
        if not self._rows:
            return
        table = tuple(
            (name, *(size_words(round(row.bytes[kind])) for row in self._rows)) for kind, name in enumerate(KINDS)
        )
        whole = ("all", *(size_words(round(row.total)) for row in self._rows))
        self.inspected.emit(
            Inspection(
                "Memory",
                "counted from the model, before Start",
                words="Full fine-tuning keeps a gradient and two averages for every weight: three numbers beside each. "
                "LoRA keeps them for its small additions only. What passes by between the layers is the same for both.",
                formula=r"4 N + 12 T + \text{activations}",
                formula_words="Bytes: N weights, of which T learn.",
                table=Table(("kind", *(row.name.split(",")[0] for row in self._rows)), (*table, whole), picked=5),
                subject="run",
            )
        )

    def leaveEvent(self, event: QEvent) -> None:
        self.inspected.emit(None)


def _ink(kind: int, p: Palette) -> QColor:
    """From the accent down, so that neighbours differ in lightness and not in hue alone."""
    inks = (
        QColor(p.accent),
        mix(p.accent, p.surface, 0.62),
        mix(p.accent, p.surface, 0.36),
        mix(p.text, p.surface, 0.42),
        mix(p.text, p.surface, 0.18),
    )
    return inks[kind]
