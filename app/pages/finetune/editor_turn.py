"""One turn in the editor: who speaks, what is said, and what is wrong with it."""

from __future__ import annotations

import json

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import ToolButton
from app.widgets.combo import Combo
from app.widgets.label import Label
from engine.corpus.conversation import ROLES, Message

_INDENT = 44
_MOST_LINES = 14
_PLACEHOLDERS = {
    "system": "How the assistant is to be, for the whole conversation",
    "user": "What a person asks or says",
    "assistant": "What the model is to learn to answer",
    "tool": "What a tool gave back; never trained on",
}


class TurnText(QPlainTextEdit):
    """As high as its text, up to 14 lines. undo and redo are asked of the editor: all changes are in one line."""

    wants_undo = Signal()
    wants_redo = Signal()
    ended = Signal()  # Ctrl+Enter: the next turn

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bare", True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.document().documentLayout().documentSizeChanged.connect(self.updateGeometry)

    def text(self) -> str:
        """Exactly what was typed: Qt's plain text would turn a no-break space into a space."""
        return self.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Undo):
            self.wants_undo.emit()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.wants_redo.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and event.modifiers() & _CONTROL:
            self.ended.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        lines = min(max(round(self.document().size().height()), 1), _MOST_LINES)
        return QSize(200, lines * QFontMetrics(self.font()).lineSpacing() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())


_CONTROL = Qt.KeyboardModifier.ControlModifier


class Turn(QWidget):
    """said(text), role_chosen(role), moved(by), removed(): what a person did to it."""

    said = Signal(str)
    role_chosen = Signal(str)
    moved = Signal(int)
    removed = Signal()
    pointed = Signal()

    def __init__(self, message: Message, *, first: bool, last: bool) -> None:
        super().__init__()
        self.role = Combo(small=True, name="Who speaks")
        for role in ROLES:
            self.role.add(role, data=role)
        if message.role not in ROLES:
            self.role.add(message.role, "no role that is known", data=message.role)
        self.role.choose(message.role)
        self.text = TurnText()
        self.text.setFont(font(13 if message.role == "system" else 15, fixed=message.role == "tool"))
        self.text.setPlaceholderText(_PLACEHOLDERS.get(message.role, ""))
        self.text.setPlainText(message.content)
        self.text.setAccessibleName(f"What the {message.role} says")
        self.up = ToolButton("ph.arrow-up", "Move this turn up", size=22)
        self.down = ToolButton("ph.arrow-down", "Move this turn down", size=22)
        self.bin = ToolButton("ph.trash", "Delete this turn", size=22)
        self.up.setEnabled(not first)
        self.down.setEnabled(not last)
        for tool in (self.up, self.down, self.bin):
            tool.set_color("muted")
        self._words = Label("", "warning", 11, wrap=True)
        keep = self._words.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # with the first letter the words go, and nothing below may jump
        self._words.setSizePolicy(keep)
        self._words.setMinimumHeight(self._words.fontMetrics().lineSpacing())
        self._words.hide()
        self._lay_out(message)
        self._connect()

    def _lay_out(self, message: Message) -> None:
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.role)
        head.addStretch(1)
        for tool in (self.up, self.down, self.bin):
            head.addWidget(tool)
        layout = QVBoxLayout(self)
        sides = {"user": (_INDENT + 14, 14), "system": (14, 14)}.get(message.role, (14, _INDENT + 14))
        layout.setContentsMargins(sides[0], 8, sides[1], 12)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.text)
        calls = message.extra.get("tool_calls")
        if calls:
            layout.addWidget(
                Label(f"calls {json.dumps(calls, ensure_ascii=False)}", "muted", 11, fixed=True, wrap=True)
            )
        warning = QHBoxLayout()
        warning.setContentsMargins(20, 0, 0, 0)
        warning.addWidget(self._words)
        layout.addLayout(warning)

    def _connect(self) -> None:
        self.text.textChanged.connect(lambda: self.said.emit(self.text.text()))
        self.role.activated.connect(lambda _: self.role_chosen.emit(str(self.role.currentData())))
        self.up.clicked.connect(lambda: self.moved.emit(-1))
        self.down.clicked.connect(lambda: self.moved.emit(1))
        self.bin.clicked.connect(self.removed)

    @property
    def problem(self) -> str:
        return self._words.text()

    def set_problem(self, words: str) -> None:
        """What is wrong at this turn; "" for nothing."""
        if words != self._words.text():
            self._words.setText(words)
            self._words.setVisible(bool(words))
            self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Enter:
            self.pointed.emit()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role, wrong = str(self.role.currentData()), bool(self.problem)
        left = _INDENT if role == "user" else 0
        right = 0 if role in ("user", "system") else _INDENT
        box = QRectF(self.rect()).adjusted(left + 0.5, 0.5, -right - 0.5, -0.5)
        filled = {"user": p.raised, "assistant": p.soft_accent}.get(role)
        style = Qt.PenStyle.SolidLine if wrong or filled else Qt.PenStyle.DashLine
        painter.setBrush(QColor(filled) if filled else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(p.warning if wrong else p.border), 1, style) if wrong or not filled else _NO_PEN)
        painter.drawRoundedRect(box, 8, 8)
        if wrong:
            top = self._words.geometry().top()
            paint_icon(painter, QRectF(self._words.geometry().left() - 20, top, 14, 14), "ph.warning", p.warning)


_NO_PEN = Qt.PenStyle.NoPen
