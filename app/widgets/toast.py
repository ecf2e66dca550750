"""A short message over the page that goes by itself, with Undo where something can be taken back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, QTimer
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import M, S
from app.widgets.buttons import Button, ToolButton
from app.widgets.label import Label

_SECONDS, _SECONDS_WITH_UNDO = 5, 10
_MOVES = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
_SIGNS = {"ok": "ph.check", "warning": "ph.warning", "info": "ph.info"}


class Toast(QWidget):
    """A new message takes the place of the old one. Its time stands still under the pointer.

    below: another toast, above which this one stands while both are seen."""

    def __init__(self, parent: QWidget, below: Toast | None = None) -> None:
        super().__init__(parent)
        self._below = below
        self._over = parent
        self._level = "info"
        self._undo: Callable[[], object] | None = None
        self._text = Label()
        self.undo_button = Button("Undo", icon="ph.arrow-counter-clockwise", small=True)
        self.undo_button.clicked.connect(self._take_back)
        close = ToolButton("ph.x", "Close this message", size=20)
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(40, S, S, S)
        layout.setSpacing(M)
        layout.addWidget(self._text)
        layout.addWidget(self.undo_button)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        if below is not None:
            below.installEventFilter(self)
        self.hide()

    def say(self, text: str, level: str = "info", undo: Callable[[], object] | None = None) -> None:
        """level: "info", "ok" or "warning". undo: called when a person takes it back in time."""
        self._level, self._undo = level, undo
        self._text.setText(text)
        self.setAccessibleName(text)
        self.undo_button.setVisible(undo is not None)
        self.adjustSize()
        self._place()
        self.show()
        self.raise_()
        self._timer.start(1000 * (_SECONDS_WITH_UNDO if undo else _SECONDS))

    def text(self) -> str:
        return self._text.text()

    def _take_back(self) -> None:
        undo, self._undo = self._undo, None
        self.hide()
        if undo is not None:
            undo()

    def _place(self) -> None:
        below = self._below
        bottom = below.y() - 8 if below is not None and not below.isHidden() else self._over.height() - 16
        self.move((self._over.width() - self.width()) // 2, bottom - self.height())

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() in _MOVES and self.isVisible():
            self._place()
        return False

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        if self.isVisible():
            self._timer.start(1000 * _SECONDS)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(p.raised))
        painter.setPen(QPen(QColor(p.border), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        ink = {"ok": p.ok, "warning": p.warning}.get(self._level, p.accent)
        sign = QRectF(14, (self.height() - 16) / 2, 16, 16)
        paint_icon(painter, sign, _SIGNS.get(self._level, _SIGNS["info"]), ink, bold=True)
