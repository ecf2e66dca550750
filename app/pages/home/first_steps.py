"""What stands in place of the runs while there are none: what one will see, and where."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.pages.home.sentence import elided
from app.theme.icons import paint_icon
from app.theme.palette import colors, mix
from app.theme.type import font
from app.widgets.buttons import paint_focus
from app.widgets.clickable import Clickable

# Icon, what, where; what a click wishes: the name of a page, or "text" for a text of one's own.
STEPS = (
    ("ph.squares-four", "See text become tokens, piece by piece", "Tokenizer", "tokenizer"),
    ("own.loss", "Watch the loss fall, and read what the model writes", "Train", "train"),
    ("ph.chat-teardrop-dots", "Talk to the model while it learns, and see what it weighs", "Playground", "playground"),
    ("ph.sliders-horizontal", "Teach it to answer, and see what changed", "Fine-tune", "finetune"),
    ("ph.file-text", "Or let it learn from a text of your own: drop a file here", "Choose a text", "text"),
)
_ROW = 52


class FirstSteps(QWidget):
    wished = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(0)
        for icon, words, place, wish in STEPS:
            row = _Step(icon, words, place)
            row.chosen.connect(lambda wish=wish: self.wished.emit(wish))
            layout.addWidget(row)
        layout.addStretch(1)


class _Step(Clickable):
    chosen = Signal()

    def __init__(self, icon: str, words: str, place: str) -> None:
        super().__init__()
        self._icon, self._words, self._place = icon, words, place
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setAccessibleName(f"{words}: {place}")

    def sizeHint(self) -> QSize:
        return QSize(400, _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 36)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(mix(p.raised, p.surface, 0.6))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0, 1, 0, -2), 6, 6)
        middle = self.height() / 2
        paint_icon(painter, QRectF(2, middle - 10, 20, 20), self._icon, p.muted)
        painter.setFont(font(13))
        place = painter.fontMetrics().horizontalAdvance(f"{self._place}  ›")
        painter.setPen(QColor(p.accent))
        line = QRectF(self.rect()).adjusted(38, 0, -8, 0)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{self._place}  ›")
        painter.setPen(QColor(p.text))
        text = elided(painter, self._words, line.width() - place - 16)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, text)
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), QColor(p.hairline))
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), p.accent, 4)

    def activate(self) -> None:
        self.chosen.emit()
