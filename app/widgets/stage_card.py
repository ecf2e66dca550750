"""A stage of a recipe as a card: its state, a picture of what it does, and the one number that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.clickable import Clickable
from app.widgets.stage_card_mark import Mark, paint_mark

__all__ = ["CardWords", "Mark", "StageCard"]

_PADDING, _WIDE_PADDING = 16, 20
_TOP, _BOTTOM = 62, 72


@dataclass(frozen=True)
class CardWords:
    """What stands around the picture. corner: right of the title, its bold middle between asterisks.

    number, label: 20 px and what it counts. foot: 11 px below, aside: at its right end. link: foot in accent, with a
    caret, as something to follow. quiet: the foot is the ordinary text colour (a sample), not muted.
    """

    subtitle: str = ""
    corner: str = ""
    number: str = ""
    label: str = ""
    foot: str = ""
    aside: str = ""
    link: bool = False
    quiet: bool = False


class StageCard(Clickable):
    """Waiting cards lose their fill, not their content; the one at work has an accent edge of 2 px."""

    opened = Signal()

    def __init__(self, title: str, picture: QWidget, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.picture = picture
        self._padding = _PADDING
        self._mark, self._share = Mark.WAITING, 0.0
        self._words = CardWords()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(self._padding, _TOP, self._padding, _BOTTOM)
        self._layout.addWidget(picture)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._tell()

    @property
    def mark(self) -> Mark:
        return self._mark

    @property
    def words(self) -> CardWords:
        return self._words

    def set_wide(self, wide: bool) -> None:
        """More room at the sides, for the card that is in the middle of things."""
        padding = _WIDE_PADDING if wide else _PADDING
        if padding != self._padding:
            self._padding = padding
            self._layout.setContentsMargins(padding, _TOP, padding, _BOTTOM)
            self.update()

    def set_mark(self, mark: Mark, share: float = 0.0) -> None:
        """share: how far the stage is, 0 to 1, drawn as the arc of the ring."""
        if (mark, share) != (self._mark, self._share):
            self._mark, self._share = mark, share
            self._tell()
            self.update()

    def set_words(self, words: CardWords) -> None:
        if words != self._words:
            self._words = words
            self._tell()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 336)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, 236)

    def _tell(self) -> None:
        self.setAccessibleName(f"{self.title}, {self._mark.value}")
        told = (self._words.subtitle, f"{self._words.number} {self._words.label}", self._words.foot)
        self.setAccessibleDescription(". ".join(text for text in told if text.strip()))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        self._paint_frame(painter, p)
        line = QRectF(self.rect()).adjusted(self._padding, 12, -self._padding, 0)
        line.setHeight(24)
        paint_mark(painter, QPointF(line.left() + 8, line.center().y()), self._mark, self._share, p)
        painter.setFont(font(15, weight=600))
        painter.setPen(QColor(p.muted if self._mark is Mark.WAITING else p.text))
        painter.drawText(line.adjusted(26, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.title)
        self._paint_corner(painter, line, p)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        below = line.translated(0, 23)
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, _elided(painter, self._words.subtitle, below.width()))
        self._paint_number(painter, p)
        self._paint_foot(painter, p)

    def _paint_frame(self, painter: QPainter, p: Palette) -> None:
        live = self._mark in (Mark.RUNNING, Mark.PAUSED)
        strong = live or self.hasFocus()
        edge = QColor(p.accent if strong else p.danger if self._mark is Mark.FAILED else p.hairline)
        if self._hovered and not strong and self._mark is not Mark.FAILED:
            edge = mix(p.border, p.background, 0.6)
        width = 2.0 if strong else 1.0
        painter.setPen(QPen(edge, width))
        painter.setBrush(QColor(p.background if self._mark is Mark.WAITING else p.surface))
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 8, 8)

    def _paint_corner(self, painter: QPainter, line: QRectF, p: Palette) -> None:
        """Where there is room beside the title."""
        title = QFontMetricsF(font(15, weight=600)).horizontalAdvance(self.title)
        corner = QFontMetricsF(font(11, weight=600)).horizontalAdvance(self._words.corner.replace("*", ""))
        if 26 + title + 12 + corner > line.width():
            return
        right = line.right()
        for index, part in reversed(list(enumerate(self._words.corner.split("*")))):
            painter.setFont(font(11, weight=600 if index % 2 else 400))
            painter.setPen(QColor(p.text if index % 2 else p.muted))
            width = QFontMetricsF(painter.font()).horizontalAdvance(part)
            box = QRectF(right - width, line.top(), width + 1, line.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, part)
            right -= width

    def _paint_number(self, painter: QPainter, p: Palette) -> None:
        baseline = QPointF(self._padding, self.height() - 40)
        painter.setFont(font(20, weight=500))
        ink = {Mark.WAITING: p.muted, Mark.FAILED: p.danger}.get(self._mark, p.text)
        painter.setPen(QColor(ink))
        painter.drawText(baseline, self._words.number)
        advance = QFontMetricsF(painter.font()).horizontalAdvance(self._words.number)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        room = self.width() - 2 * self._padding - advance - 8
        painter.drawText(baseline + QPointF(advance + 8, 0), _elided(painter, self._words.label, room))

    def _paint_foot(self, painter: QPainter, p: Palette) -> None:
        words, line = self._words, QRectF(self.rect()).adjusted(self._padding, 0, -self._padding, -12)
        line.setTop(line.bottom() - 18)
        painter.setFont(font(11))
        aside = QFontMetricsF(painter.font()).horizontalAdvance(words.aside)
        painter.setPen(QColor(p.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, words.aside)
        painter.setPen(QColor(p.accent if words.link else p.text if words.quiet else p.muted))
        text = _elided(painter, words.foot, line.width() - (aside + 12 if aside else 0) - (14 if words.link else 0))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, text)
        if words.link:
            x = line.left() + QFontMetricsF(painter.font()).horizontalAdvance(text) + 8
            painter.setPen(QPen(QColor(p.accent), 1.25))
            painter.drawPolyline([QPointF(x, line.center().y() + dy) + QPointF(dx, 0) for dx, dy in _CARET])

    def activate(self) -> None:
        self.opened.emit()


_CARET = ((0, -3.5), (3.5, 0), (0, 3.5))


def _elided(painter: QPainter, text: str, width: float) -> str:
    return QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, max(width, 0))
