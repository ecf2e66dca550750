"""A panel: surface, hairline, a title row of 24 px, and a body."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.theme.palette import colors
from app.theme.type import M, S
from app.widgets.label import Label

_RADIUS = 8.0


class Panel(QWidget):
    """Put content into `body` (a QVBoxLayout). The title row is there only when something stands in it.

    margins: (left, top, right, bottom) in pixels; (20, 16, 20, 16) for panels of running text.
    """

    def __init__(
        self,
        title: str = "",
        subtitle: str = "",
        *,
        margins: tuple[int, int, int, int] = (16, 12, 16, 12),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._selected = False
        self._filled = True
        self._title = Label(weight=600)
        self._subtitle = Label(role="muted")
        self._left = QHBoxLayout()
        self._controls = QHBoxLayout()
        self._row = self._build_row()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*margins)
        outer.setSpacing(S)
        outer.addWidget(self._row, 0, Qt.AlignmentFlag.AlignTop)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(S)
        outer.addLayout(self.body, 1)
        self.set_title(title)
        self.set_subtitle(subtitle)

    def _build_row(self) -> QWidget:
        row = QWidget()
        row.setFixedHeight(24)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for part in (self._left, self._controls):
            part.setSpacing(M)
        layout.addWidget(self._title)
        layout.addWidget(self._subtitle)
        layout.addLayout(self._left)
        layout.addStretch(1)
        layout.addLayout(self._controls)
        return row

    def set_title(self, title: str) -> None:
        """The title is also the panel's accessible name."""
        self._title.setText(title)
        self.setAccessibleName(title)
        self._update_row()

    def set_subtitle(self, subtitle: str) -> None:
        self._subtitle.setText(subtitle)
        self._update_row()

    def add_left(self, widget: QWidget) -> None:
        """Beside the subtitle: a tag, a legend."""
        self._left.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        self._update_row()

    def add_control(self, widget: QWidget) -> None:
        """At the right end of the title row, in order of adding."""
        self._controls.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        self._update_row()

    def set_selected(self, selected: bool) -> None:
        """A 2 px accent edge: the card that is at work."""
        self._selected = selected
        self.update()

    def set_filled(self, filled: bool) -> None:
        """A panel that waits for its turn loses its fill and keeps its content."""
        self._filled = filled
        self.update()

    def _update_row(self) -> None:
        self._title.setVisible(bool(self._title.text()))
        self._subtitle.setVisible(bool(self._subtitle.text()))
        extra = self._left.count() + self._controls.count()
        self._row.setVisible(bool(self._title.text() or self._subtitle.text() or extra))

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 2.0 if self._selected else 1.0
        painter.setPen(QPen(QColor(palette.accent if self._selected else palette.hairline), width))
        painter.setBrush(QColor(palette.surface if self._filled else palette.background))
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), _RADIUS, _RADIUS)
