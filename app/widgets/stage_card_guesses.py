"""The picture of a model that can be asked: a prompt, and what it holds likely to come next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.token_view_words import visible

_PITCH, _BAR = 25.0, 9.0
_LINE = 18.0


class GuessesPicture(QWidget):
    """guesses: (token text, probability 0 to 1), most likely first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._prompt = ""
        self._guesses: list[tuple[str, float]] = []
        self._hollow = True

    def set_guesses(self, prompt: str, guesses: Sequence[tuple[str, float]], *, hollow: bool = False) -> None:
        """hollow: no model stands behind them yet, so the bars are outlines."""
        if (prompt, list(guesses), hollow) != (self._prompt, self._guesses, self._hollow):
            self._prompt, self._guesses, self._hollow = prompt, list(guesses), hollow
            self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 80)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        painter.setFont(font(11, fixed=True))
        top = self._paint_prompt(painter, p) + 8
        rows = int((self.height() - top) // _PITCH)
        for index, (text, probability) in enumerate(self._guesses[:rows]):
            line = QRectF(0, top + index * _PITCH, self.width(), _PITCH)
            self._paint_guess(painter, line, text, probability, index == 0, p)

    def _paint_prompt(self, painter: QPainter, p: Palette) -> float:
        """The end of the prompt, on as many as two lines, and the caret behind it. Gives its height."""
        metrics = QFontMetricsF(painter.font())
        lines = _last_lines(self._prompt, metrics, self.width() - 8)
        painter.setPen(QColor(p.muted if self._hollow else p.text))
        for index, line in enumerate(lines):
            box = QRectF(0, index * _LINE, self.width(), _LINE)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, line)
        x = metrics.horizontalAdvance(lines[-1] + " ") if lines[-1] else 0.0
        painter.fillRect(QRectF(min(x, self.width() - 2), (len(lines) - 1) * _LINE + 2, 2, _LINE - 4), QColor(p.accent))
        return len(lines) * _LINE

    def _paint_guess(
        self, painter: QPainter, line: QRectF, text: str, probability: float, best: bool, p: Palette
    ) -> None:
        metrics = QFontMetricsF(painter.font())
        name = metrics.horizontalAdvance("m" * (9 if self.width() > 150 else 7))
        painter.setPen(QColor(p.muted if self._hollow else p.text))
        shown = metrics.elidedText(visible(text), Qt.TextElideMode.ElideRight, name)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        room = max(line.width() - name - 8 - 40, 10.0)
        best_share = max((guess[1] for guess in self._guesses), default=1.0)
        share = probability / max(best_share / 0.4 if self._hollow else best_share, 0.0 if self._hollow else 0.35)
        bar = QRectF(name + 8, line.center().y() - _BAR / 2, max(room * share, 3.0), _BAR)
        if self._hollow:
            painter.setPen(QPen(mix(p.border, p.background, 0.6), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            bar = bar.adjusted(0.5, 0.5, -0.5, -0.5)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.accent) if best else mix(p.border, p.surface, 0.28))
        painter.drawRoundedRect(bar, 2, 2)
        painter.save()
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, percent(probability))
        painter.restore()


def percent(probability: float) -> str:
    """As whole percent where that says something, else with a decimal: 41%, 0.1%, <0.1%."""
    if 0 < probability < 0.0005:
        return "<0.1%"
    return f"{probability:.1%}" if probability < 0.0095 else f"{probability:.0%}"


def _last_lines(text: str, metrics: QFontMetricsF, width: float) -> list[str]:
    """The last one or two lines of the text, wrapped between words."""
    lines = [""]
    for word in text.replace("\n", "↵ ").split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if metrics.horizontalAdvance(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[-2:]
