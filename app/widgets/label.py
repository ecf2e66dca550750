"""Text in a role of the palette, and the hairline between things."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font


class Label(QLabel):
    """Plain text, never markup, so that a document's `<b>` stays what it is. Follows the theme by itself.

    role: "text", "muted", "accent", "danger", "warning", "ok", "validation_text" or "focused". size: pixels.
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
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(size, weight=weight, fixed=fixed))
        self.setProperty("role", role)
        self.setWordWrap(wrap)
        if wrap:
            policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)

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
