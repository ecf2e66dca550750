"""One turn of a conversation: who said it, and what; an answer as tokens."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.theme.palette import colors
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.token_view import Colouring, TokenChip, TokenView

GUTTER = 72
_SIZE, _LINE, _CHIP = 15, 30, 24
_VIEW_EDGES, _CHIP_EDGE = 6, 5
_NAMES = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


class TurnRow(QWidget):
    """pressed(): the button at its end, which edits a question and repeats an answer. clicked(index), hovered(index):
    of a token, counted from the turn's first one."""

    pressed = Signal()
    clicked = Signal(int)
    hovered = Signal(int)

    def __init__(self, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.role = role
        self._editing = False
        self._name = Label(_NAMES.get(role, role), "muted", 11)
        self._name.setFixedSize(GUTTER, _LINE + (_VIEW_EDGES if role == "assistant" else 0))
        self.words = Label(size=_SIZE, wrap=True)
        self.words.setMinimumHeight(_LINE)
        self.words.setContentsMargins(_CHIP_EDGE, 0, 0, 0)  # letters stand below letters
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.view = TokenView(size=_SIZE, fixed=False, line_height=_LINE, chip_height=_CHIP)
        self.view.set_scrolling(False)
        self.view.setAccessibleName("Answer")
        self.view.clicked.connect(self.clicked)
        self.view.hovered.connect(self.hovered)
        self.cut_off = Label("cut off", "warning", 11)
        self.cut_off.setFixedHeight(_LINE + _VIEW_EDGES)
        self.cut_off.setToolTip("The model did not end this answer: the token that ends a turn was put behind it.")
        self.cut_off.hide()
        answer = role == "assistant"
        icon, tooltip = (
            ("ph.arrow-clockwise", "Answer again with the next seed  (Ctrl+R)")
            if answer
            else ("ph.pencil-simple", "Say something else here; what came after goes, and Undo brings it back")
        )
        self.button = ToolButton(icon, tooltip)
        self.button.clicked.connect(self.pressed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._name, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.cut_off, 0, Qt.AlignmentFlag.AlignTop)
        layout.addSpacing(8)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        keep = self.button.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.button.setSizePolicy(keep)
        self.button.hide()

    def show_words(self, text: str, *, sent: bool) -> None:
        """sent: whether the model still sees it."""
        self.cut_off.hide()
        self.words.setText(text)
        self.words.set_role("text" if sent else "muted")
        self.words.setVisible(True)
        self.view.setVisible(False)
        self.setAccessibleName(f"{self._name.text()}: {text}")

    def show_tokens(self, chips: Sequence[TokenChip], colouring: Colouring, *, cut_off: bool = False) -> None:
        """cut_off: whether somebody else than the model ended it."""
        self.cut_off.setVisible(cut_off)
        self.view.set_colouring(colouring)
        self.view.set_tokens(chips)
        self.words.setVisible(False)
        self.view.setVisible(True)

    def offer(self, on: bool) -> None:
        """Whether its button stays in view; else it shows under the pointer, unless it is an answer's."""
        self.button.setProperty("stays", on)
        self._show_button()

    def set_editing(self, editing: bool) -> None:
        """What it says stands in the field below and is being changed."""
        if editing != self._editing:
            self._editing = editing
            self._name.set_role("accent" if editing else "muted")
            self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._show_button()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._show_button(left=True)
        super().leaveEvent(event)

    def _show_button(self, *, left: bool = False) -> None:
        hovered = self.underMouse() and not left and self.role != "assistant"
        self.button.setVisible(bool(self.button.property("stays")) or hovered)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._editing:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors(self).soft_accent))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(GUTTER - 8, 1, -36, -1), 4, 4)
