"""What went wrong, why, and what to do about it; also why nothing is drawn yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import L, S
from app.widgets.buttons import Button
from app.widgets.label import Label

_ICONS = {"danger": "ph.warning-octagon", "warning": "ph.warning", "accent": "ph.hourglass"}


@dataclass(frozen=True)
class BannerAction:
    text: str
    do: Callable[[], None]
    tooltip: str = ""


@dataclass(frozen=True)
class BannerWords:
    """kind: "danger", "warning" or "accent". what: bold. why: muted, with the remedy. details: can be copied."""

    kind: str
    what: str
    why: str
    actions: tuple[BannerAction, ...] = ()
    details: str = ""


class Banner(QWidget):
    """Hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[object, ...] = ()
        self._kind = "accent"
        self.what = Label(weight=600, wrap=True)
        self.why = Label(role="muted", wrap=True)
        self._row = QHBoxLayout()
        self._row.setSpacing(S)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.what)
        words.addWidget(self.why)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(44, 10, 12, 10)
        layout.setSpacing(L)
        layout.addLayout(words, 1)
        layout.addLayout(self._row)
        self.buttons: list[Button] = []
        self.hide()

    def show_words(self, words: BannerWords | None) -> None:
        key = () if words is None else (words.kind, words.what, words.why, *(a.text for a in words.actions))
        if key == self._shown:
            return
        self._shown = key
        self.setVisible(words is not None)
        if words is None:
            return
        self._kind = words.kind
        self.what.setText(words.what)
        self.why.setText(words.why)
        self.why.setVisible(bool(words.why))
        self.setAccessibleName(f"{words.what} {words.why}")
        copy = BannerAction("Copy details", lambda: QGuiApplication.clipboard().setText(words.details))
        self._set_actions([*words.actions, *([copy] if words.details else [])])
        self.update()

    def _set_actions(self, actions: Sequence[BannerAction]) -> None:
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.buttons = []
        for action in actions:
            button = Button(action.text, tooltip=action.tooltip)
            button.clicked.connect(action.do)
            self._row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
            self.buttons.append(button)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(getattr(p, f"soft_{self._kind}")))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        ink = getattr(p, self._kind)
        paint_icon(painter, QRectF(14, self.height() / 2 - 9, 18, 18), _ICONS[self._kind], ink)
