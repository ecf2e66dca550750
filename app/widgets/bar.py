"""A thin bar: how much of a whole, with an optional stroke for what was expected."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors


class Bar(QWidget):
    """share and mark: 0 to 1; mark None for no stroke. role: colour of the filled part."""

    def __init__(
        self,
        share: float = 0.0,
        mark: float | None = None,
        *,
        height: int = 4,
        width: int = 140,
        role: str = "accent",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._share, self._mark, self._role = share, mark, role
        self._height, self._width = height, width
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set(self, share: float, mark: float | None = None) -> None:
        if (share, mark) != (self._share, self._mark):
            self._share, self._mark = share, mark
            self.update()

    def set_role(self, role: str) -> None:
        self._role = role
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._width, self._height + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top, radius = (self.height() - self._height) / 2, min(2.0, self._height / 2)
        painter.setBrush(QColor(p.raised))
        painter.drawRoundedRect(QRectF(0, top, self.width(), self._height), radius, radius)
        share = min(max(self._share, 0.0), 1.0)
        if share:
            painter.setBrush(QColor(getattr(p, self._role)))
            painter.drawRoundedRect(QRectF(0, top, share * self.width(), self._height), radius, radius)
        if self._mark is not None:
            x = min(max(self._mark, 0.0), 1.0) * (self.width() - 2)
            painter.fillRect(QRectF(x, top - 2, 1.5, self._height + 4), QColor(p.text))
