"""What a page or panel says while there is nothing to show: one sentence, one button, an example."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme.icons import checked, paint_icon
from app.theme.palette import colors
from app.theme.type import M, S
from app.widgets.buttons import Button
from app.widgets.label import Label

_WIDEST = 440


class EmptyState(QWidget):
    """clicked when the button is pressed. example: a muted line under the button, what one would see.
    primary: the button is filled; pass False where the page has another filled one."""

    clicked = Signal()

    def __init__(
        self,
        icon: str,
        sentence: str,
        button: str = "",
        example: str = "",
        *,
        primary: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(sentence)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(S)
        layout.addStretch(1)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(_Sign(icon), 0, centre)
        layout.addSpacing(S)
        self._sentence = Label(sentence, size=15, wrap=True)
        self._sentence.setAlignment(centre)
        layout.addWidget(self._sentence, 0, centre)
        self._fit()
        self.button = Button(button, "primary" if primary else "plain")
        self.button.clicked.connect(self.clicked)
        self.button.setVisible(bool(button))
        layout.addSpacing(M)
        layout.addWidget(self.button, 0, centre)
        self._example = Label(example, "muted", 11, wrap=True)
        self._example.setAlignment(centre)
        self._example.setVisible(bool(example))
        layout.addSpacing(S)
        layout.addWidget(self._example)
        layout.addStretch(2)

    def set_sentence(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self._fit()

    def set_example(self, example: str) -> None:
        self._example.setText(example)
        self._example.setVisible(bool(example))

    def _fit(self) -> None:
        """Gives the sentence its own width and height: a centred label would wrap at half of what there is."""
        wide = self._sentence.fontMetrics().horizontalAdvance(self._sentence.text()) + 8
        self._sentence.setFixedWidth(min(wide, _WIDEST))
        self._sentence.setFixedHeight(self._sentence.heightForWidth(self._sentence.width()))


class _Sign(QWidget):
    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = checked(icon)
        self.setFixedSize(48, 48)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.soft_accent))
        painter.drawEllipse(QRectF(self.rect()))
        paint_icon(painter, QRectF(12, 12, 24, 24), self._icon, p.accent)
