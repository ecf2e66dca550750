"""Text in a role of the palette, and the hairline between things."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font

_SLACK = 12


class Label(QLabel):
    """Plain text, never markup, so that a document's `<b>` stays what it is. Follows the theme by itself.

    role: "text", "muted", "accent", "danger", "warning", "ok", "validation_text" or "focused". size: pixels.
    steady: for text that changes often; it keeps its width until it needs more, so that nothing is laid out anew.
    """

    def __init__(
        self,
        text: str = "",
        role: str = "text",
        size: int = 13,
        *,
        weight: int = 400,
        fixed: bool = False,
        wrap: bool = False,
        steady: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._steady = steady
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(size, weight=weight, fixed=fixed))
        self.setProperty("role", role)
        self.setWordWrap(wrap)
        self.setText(text)
        if wrap:
            policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)

    def setText(self, text: str) -> None:
        if text == self.text():
            return
        if self._steady:
            # A widget of fixed size is not laid out again when its text changes.
            wanted = QFontMetrics(self.font()).size(0, text).grownBy(QMargins(1, 0, 1, 0))
            if wanted.width() > self.width() or wanted.width() < self.width() - _SLACK or self.minimumWidth() == 0:
                self.setFixedSize(wanted)
        super().setText(text)

    def set_role(self, role: str) -> None:
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().polish(self)


class Hairline(QWidget):
    """A 1 px line in the panel's edge colour, horizontal unless `vertical`."""

    def __init__(self, parent: QWidget | None = None, *, vertical: bool = False) -> None:
        super().__init__(parent)
        self._vertical = vertical
        fixed, free = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(fixed if vertical else free, free if vertical else fixed)

    def sizeHint(self) -> QSize:
        return QSize(1, 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(colors(self).hairline))
