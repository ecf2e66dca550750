"""The field below a conversation: what one says next, or instead of something that was said."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QWidget

from app.pages.playground.turn_row import GUTTER
from app.theme.type import font
from app.widgets.label import Label

_SIZE = 15
_MOST_LINES = 4
_SYSTEM = -1


class Composer(QWidget):
    """said(text); said_instead(index of a turn, text); system_set(text). earlier_asked(index of the turn that is being
    edited, or None): the arrow up, in an empty field or where nothing was changed yet. editing(index or None): which
    turn stands in the field."""

    said = Signal(str)
    said_instead = Signal(int, str)
    system_set = Signal(str)
    earlier_asked = Signal(object)
    editing = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place: int | None = None
        self._kept = ""  # what was begun before something else was edited
        self._name = Label("You", "muted", 11)
        self._name.setFixedSize(GUTTER, 34)
        self.field = _Field()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._name, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.field, 1)
        self.field.entered.connect(self.submit)
        self.field.left.connect(self.leave)
        self.field.up.connect(lambda: self.earlier_asked.emit(self._place))
        self._show()

    @property
    def text(self) -> str:
        return self.field.toPlainText().strip()

    @property
    def is_editing(self) -> bool:
        return self._place is not None

    def edit(self, index: int, text: str) -> None:
        """A past question."""
        self._take(index, text)

    def edit_system(self, text: str) -> None:
        self._take(_SYSTEM, text)

    def leave(self) -> None:
        """Back to what was being written before."""
        if self._place is not None:
            self._place = None
            self.field.fill(self._kept)
            self._show()

    def submit(self) -> None:
        """Says what stands there; an empty question says nothing, an empty system prompt is none."""
        place, text = self._place, self.text
        if not text and place != _SYSTEM:
            return
        if place is None:
            self.field.fill("")
            self.said.emit(text)
            return
        self.leave()
        if place == _SYSTEM:
            self.system_set.emit(text)
        else:
            self.said_instead.emit(place, text)

    def _take(self, place: int, text: str) -> None:
        if self._place is None:
            self._kept = self.field.toPlainText()
        self._place = place
        self.field.fill(text, edits=True)
        self._show()
        self.field.setFocus()

    def _show(self) -> None:
        name, hint = {
            None: ("You", "Say something. Enter sends it, Shift+Enter begins a new line."),
            _SYSTEM: ("System", "What the model is told before all else. Enter keeps it, Esc leaves it as it was."),
        }.get(self._place, ("Instead", "What to say there instead. Enter sends it, Esc leaves it as it was."))
        self._name.setText(name)
        self._name.set_role("muted" if self._place is None else "accent")
        self.field.setPlaceholderText(hint)
        self.field.setAccessibleName(hint)
        self.editing.emit(self._place if self._place != _SYSTEM else None)


class _Field(QPlainTextEdit):
    """As high as its text, up to four lines."""

    entered = Signal()
    left = Signal()
    up = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.edits = False
        self.setFont(font(_SIZE))
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.textChanged.connect(self._fit)
        self._fit()

    @property
    def _is_untouched(self) -> bool:
        """Whether something was put here to be edited, and was not."""
        return self.edits and not self.document().isModified()

    def fill(self, text: str, *, edits: bool = False) -> None:
        """edits: it was said before, so that Escape and the arrow up mean something else."""
        self.edits = edits
        self.setPlainText(text)
        self.moveCursor(QTextCursor.MoveOperation.End)

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit()

    def _fit(self) -> None:
        lines = min(max(round(self.document().size().height()), 1), _MOST_LINES)
        height = lines * QFontMetrics(self.font()).lineSpacing() + 14 + 2
        if height != self.height():
            self.setFixedHeight(height)
        scrolls = self.document().size().height() > _MOST_LINES
        on, off = Qt.ScrollBarPolicy.ScrollBarAsNeeded, Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(on if scrolls else off)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        entered = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if entered and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            event.ignore()
        elif event.key() == Qt.Key.Key_Up and (not self.toPlainText() or self._is_untouched):
            self.up.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and self.edits:
            event.accept()  # Escape leaves the editing before it stops the model
            return True
        return super().event(event)
