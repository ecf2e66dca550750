"""What went wrong, why, and what to do: a banner over the page until it is closed."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import M, S, font
from app.widgets.buttons import Button, ToolButton
from app.widgets.label import Label
from engine.errors import CutawayError

_BELOW, _MOST_LINES = M, 10


class ErrorBanner(QWidget):
    """Details fold away; Copy takes everything, so that it can be pasted into a report."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._error: CutawayError | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._what = Label(weight=600, wrap=True)
        self._why = Label(wrap=True)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setFont(font(11, fixed=True))
        self._details.setAccessibleName("Details of the error")
        self.details_button = Button("Details", small=True)
        self.details_button.clicked.connect(self._turn_details)
        self.copy_button = Button("Copy", icon="ph.copy", small=True)
        self.copy_button.clicked.connect(self._copy)
        self.close_button = ToolButton("ph.x", "Close this message", size=22)
        self.close_button.clicked.connect(self.dismiss)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._what)
        words.addWidget(self._why)
        row = QHBoxLayout()
        row.setSpacing(S)
        row.addLayout(words, 1)
        for button in (self.details_button, self.copy_button, self.close_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(40, M, M, M + _BELOW)
        layout.addLayout(row)
        layout.addWidget(self._details)
        self.hide()

    def tell(self, error: CutawayError) -> None:
        """Replaces what it told before."""
        self._error = error
        self._what.setText(error.what)
        self._why.setText(f"{error.why} {error.remedy}")
        self._details.setPlainText(error.details)
        lines = min(_MOST_LINES, error.details.count("\n") + 2)
        self._details.setFixedHeight(lines * self._details.fontMetrics().lineSpacing() + 16)
        self._details.hide()
        self.details_button.set_text("Details")
        self.details_button.setVisible(bool(error.details))
        self.setAccessibleName(str(error))
        self.show()

    def dismiss(self) -> None:
        self._error = None
        self.hide()

    def text(self) -> str:
        return str(self._error) if self._error else ""

    def _turn_details(self) -> None:
        folded = self._details.isHidden()
        self._details.setVisible(folded)
        self.details_button.set_text("Hide details" if folded else "Details")

    def _copy(self) -> None:
        if self._error is not None:
            QGuiApplication.clipboard().setText(f"{self._error}\n\n{self._error.details}".strip())
            self.copy_button.set_text("Copied")

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(p.soft_danger))
        painter.setPen(QPen(QColor(p.danger), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5 - _BELOW), 8, 8)
        paint_icon(painter, QRectF(14, 14, 16, 16), "ph.warning", p.danger, bold=True)
