"""The picture of a model that learns to answer: what of a conversation it learns, then its loss and one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import S, font
from app.widgets.stage_card_loss import LossPicture
from app.widgets.stage_card_loss_track import LossTrack
from app.widgets.stage_card_mark import Mark, paint_mark
from app.widgets.token_view_words import visible

Turn = Sequence[tuple[str, str]]
_CHIP, _PITCH, _GAP, _PAD, _APART = 18.0, 25.0, 4.0, 5.0, 10.0
_LINE = 19.0
_NAME = 34.0


@dataclass(frozen=True)
class Pair:
    """base, answer: what the base and the model say to the question. step: of the model that answered."""

    question: str
    base: str
    answer: str
    right: bool
    step: int


class TuningPicture(QWidget):
    def __init__(self, template: Sequence[Turn], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._mask = MaskPicture(template)
        self._loss = LossPicture()
        self._pair = PairPicture()
        run = QWidget()
        column = QVBoxLayout(run)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        column.addWidget(self._loss, 1)
        column.addWidget(self._pair)
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        self._pages.addWidget(self._mask)
        self._pages.addWidget(run)

    def show_template(self) -> None:
        """Before there is a loss."""
        self._pages.setCurrentIndex(0)

    def show_run(
        self,
        track: LossTrack,
        held_out: Sequence[tuple[int, float]],
        *,
        total: int,
        live: bool,
        pair: Pair | None,
    ) -> None:
        self._pages.setCurrentIndex(1)
        self._loss.set_curve(track, held_out, total=total, live=live, guess=None)
        self._pair.show_pair(pair)


class MaskPicture(QWidget):
    """A conversation as tokens. What is learned is bright, the rest pale, the template's marks dashed."""

    def __init__(self, turns: Sequence[Turn], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._turns = turns
        self.setAccessibleName("What of a conversation is learned: the answers and their ends")

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 80)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(11, fixed=True))
        metrics, p = QFontMetricsF(painter.font()), colors(self)
        top = 2.0
        for turn in self._turns:
            x = 0.0
            for text, kind in turn:
                shown = visible(text)
                width = metrics.horizontalAdvance(shown) + 2 * _PAD
                if x and x + width > self.width():
                    x, top = 0.0, top + _PITCH
                if top + _CHIP > self.height():
                    return
                self._paint_chip(painter, QRectF(x, top, width, _CHIP), shown, kind, p)
                x += width + _GAP
            top += _PITCH + _APART

    def _paint_chip(self, painter: QPainter, box: QRectF, text: str, kind: str, p: Palette) -> None:
        learned = kind == "learned"
        pen = QPen(mix(p.border, p.background, 0.45), 1)
        if kind == "mark":
            pen.setDashPattern([3, 2])
        painter.setPen(Qt.PenStyle.NoPen if learned else pen)
        painter.setBrush(QColor(p.soft_accent) if learned else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        if learned:
            painter.fillRect(QRectF(box.left() + 1, box.bottom() - 1, box.width() - 2, 2), QColor(p.accent))
        painter.setPen(QColor(p.text if learned else p.muted))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


class PairPicture(QWidget):
    """A question, and below it what the base says and what the model says now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pair: Pair | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_pair(self, pair: Pair | None) -> None:
        if pair != self._pair:
            self._pair = pair
            self.setVisible(pair is not None)
            if pair is not None:
                self.setAccessibleName(f"{pair.question} Base: {pair.base} Now: {pair.answer}")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, round(3 * _LINE))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, round(3 * _LINE))

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._pair is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(11))
        p, pair = colors(self), self._pair
        lines = (("", pair.question, p.text), ("base", pair.base, p.muted), ("now", pair.answer, p.text))
        for row, (name, text, ink) in enumerate(lines):
            line = QRectF(0, row * _LINE, self.width(), _LINE)
            painter.setPen(QColor(p.muted))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, name)
            box = line.adjusted(_NAME if name else 0, 0, -18 if name == "now" else 0, 0)
            painter.setPen(QColor(ink))
            shown = painter.fontMetrics().elidedText(text or "nothing", Qt.TextElideMode.ElideRight, int(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
            if name == "now" and pair.right:
                behind = box.left() + painter.fontMetrics().horizontalAdvance(shown) + 12
                paint_mark(painter, QPointF(behind, line.center().y()), Mark.DONE, 1.0, p, 10.0)
