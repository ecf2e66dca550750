"""What the model wrote, step by step: the first, one from the middle, and the newest."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.pages.home.sentence import elided
from app.theme.palette import colors, mix
from app.theme.type import font
from engine.events import Answered, TextSample

_ROW = 20
_MOST = 3
_LEFT = 64.0


class Samples(QWidget):
    """At most three lines and as many as have room, the newest at the bottom in full ink."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._lines: list[tuple[str, str]] = []

    def set_samples(self, samples: Sequence[TextSample]) -> None:
        found = _spread(samples, _MOST)
        self._set([(f"step {sample.step:,}", one_line(sample.prompt + sample.text)) for sample in found])

    def set_answers(self, answers: Sequence[Answered]) -> None:
        """Questions with what the model says to them now."""
        chosen = sorted(answers, key=lambda answer: answer.right)[-_MOST:]
        self._set([(f"step {a.step:,}", f"{one_line(a.question)}  {one_line(a.answer)}") for a in chosen])

    def _set(self, lines: list[tuple[str, str]]) -> None:
        if lines != self._lines:
            self._lines = lines
            self.setAccessibleName("Samples: " + "; ".join(f"{step}, {text}" for step, text in lines))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW * len(self._lines))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _ROW if self._lines else 0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setFont(font(11))
        shown = self._lines[-max(self.height() // _ROW, 1) :]
        for index, (step, text) in enumerate(shown):
            age = len(shown) - 1 - index
            line = QRectF(0, index * _ROW, self.width(), _ROW)
            painter.setPen(mix(p.muted, p.surface, 1 - 0.12 * age))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, step)
            painter.setPen(mix(p.text, p.surface, 1 - 0.16 * age))
            room = line.adjusted(_LEFT, 0, 0, 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, elided(painter, text, room.width()))


def one_line(text: str) -> str:
    return " ".join(text.split())


def _spread(samples: Sequence[TextSample], rows: int) -> list[TextSample]:
    """The newest, and earlier ones spread evenly, oldest first."""
    if len(samples) <= rows:
        return list(samples)
    if rows <= 1:
        return [samples[-1]]
    return [samples[round(index * (len(samples) - 1) / (rows - 1))] for index in range(rows)]
