"""One text that is read and written in the same place: chips to look at, and an editor when a person types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QStackedWidget, QTextEdit, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.token_view import Colouring, TokenChip, TokenView

SIZE, LINE, CHIP = 17, 36, 28
_EDGES = 6
_REST_MS = 250
PLACEHOLDER = "Write a beginning. The model goes on from there."
_WORDS = re.compile(r"\s*\S+|\s+")


class TextArea(QStackedWidget):
    """editing(): a person begins to change the text. typed(text): they rest for a moment. edited(text): they are done.
    write_asked(): Ctrl+Enter. clicked(index), hovered(index): of a token."""

    editing = Signal()
    typed = Signal(str)
    edited = Signal(str)
    write_asked = Signal()
    clicked = Signal(int)
    hovered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = _Canvas(size=SIZE, fixed=False, line_height=LINE, chip_height=CHIP)
        self.view.setAccessibleName("Text")
        self.view.set_colouring(Colouring.PROBABILITY)
        self.editor = _Editor()
        self.addWidget(self.view)
        self.addWidget(self.editor)
        self.view.clicked.connect(self._on_clicked)
        self.view.hovered.connect(self.hovered)
        self.view.edit_asked.connect(self.edit)
        self.editor.finished.connect(self._on_finished)
        self.editor.write_asked.connect(self.write_asked)
        self.editor.textChanged.connect(self._on_typed)
        self._text = ""
        self._editable = True
        self._typing = False  # a person is in the middle of changing the text
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._tell_typed)
        self.setMinimumHeight(2 * LINE + _EDGES)

    @property
    def is_editing(self) -> bool:
        return self.currentWidget() is self.editor

    def show_text(self, chips: Sequence[TokenChip], draft: str, text: str) -> None:
        """Another text. draft: what stands behind the tokens and was not read yet. text: all of it."""
        self._text = text
        self.view.set_tokens([*chips, *_words(draft)])
        if not self._typing:  # never take away what a person is in the middle of
            self._set_editor(text)
            self.setCurrentWidget(self.view if text or not self._editable else self.editor)

    def append(self, first: int, chips: Sequence[TokenChip], text: str) -> None:
        """Tokens from index `first` on came, in the place of what was not read yet."""
        if not self._typing:
            self.setCurrentWidget(self.view)
        self._text = text
        if len(self.view.tokens) > first:
            self.view.truncate(first)
        self.view.append(chips)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Whole lines only: what does not fit scrolls."""
        self.setContentsMargins(0, 0, 0, max(self.height() - _EDGES, 0) % LINE)
        super().resizeEvent(event)

    def set_editable(self, editable: bool) -> None:
        """Else the text is only looked at. Call it before another text is shown."""
        self._editable = editable
        self._typing = self._typing and editable

    def edit(self, position: int, key: str = "", anchor: int | None = None) -> None:
        """Opens the editor with the caret at a character; anchor: the other end of what is selected.
        key: what was typed to get there; it replaces the selection."""
        if not self._editable:
            return
        self.editing.emit()
        if not self._typing:
            self._set_editor(self._text)
        self._typing = True
        self.setCurrentWidget(self.editor)
        self.editor.begin(position, key, position if anchor is None else anchor)

    def leave(self) -> None:
        """Closes the editor and keeps what was typed; an empty text stays open for typing."""
        if self.is_editing:
            self._typing = False
            self._rest.stop()
            text = self.editor.toPlainText()
            if text:
                self.setCurrentWidget(self.view)
            self.edited.emit(text)

    def _set_editor(self, text: str) -> None:
        self.editor.blockSignals(True)
        self.editor.set_text(text)
        self.editor.blockSignals(False)

    def _on_typed(self) -> None:
        """An empty text is told at once: what belonged to the old one must not stand beside it."""
        self._typing = True
        if self.editor.document().isEmpty():
            self._tell_typed()
        else:
            self._rest.start()

    def _tell_typed(self) -> None:
        self._rest.stop()
        self.typed.emit(self.editor.toPlainText())

    def _on_finished(self) -> None:
        self.leave()
        if not self.is_editing:
            self.view.setFocus()

    def _on_clicked(self, index: int) -> None:
        if not self.view.tokens[index].plain:
            self.clicked.emit(index)


class _Canvas(TokenView):
    """Asks for the editor where a person clicks into typed text, or types.
    edit_asked(character, key, the other end of the selection)."""

    edit_asked = Signal(int, str, int)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        index = self.index_at(point)
        if event.button() == Qt.MouseButton.LeftButton and (index < 0 or self.tokens[index].plain):
            self._ask(self._character(index, point))
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        typed = event.text() if event.text().isprintable() and not event.modifiers() & command else ""
        marked = self.selection
        if event.key() == Qt.Key.Key_F2:
            self._ask(len(self._all()))
        elif event.matches(QKeySequence.StandardKey.Paste):
            self._type(QGuiApplication.clipboard().text())
        elif event.matches(QKeySequence.StandardKey.Cut) and marked:
            self.copy()
            self._type("\b")
        elif typed or event.key() == Qt.Key.Key_Backspace or (event.key() == Qt.Key.Key_Delete and marked):
            self._type(typed or "\b")
        else:
            super().keyPressEvent(event)

    def _type(self, key: str) -> None:
        """In the place of what is marked, else behind everything."""
        marked = self.selection
        if not marked:
            self._ask(len(self._all()), key)
        else:
            self._ask(len(self.text_of(0, marked.stop)), key, len(self.text_of(0, marked.start)))

    def _ask(self, character: int, key: str = "", anchor: int | None = None) -> None:
        self.edit_asked.emit(character, key, character if anchor is None else anchor)

    def _all(self) -> str:
        return self.text_of(0, len(self.tokens))

    def _character(self, index: int, point: QPoint) -> int:
        """Where in the text the caret belongs: the gap nearest to the pointer; behind everything for no token."""
        if index < 0:
            return len(self._all())
        before, text = len(self.text_of(0, index)), self.text_of(index, index + 1)
        x = point.x() - self.token_rect(index).x()
        metrics = QFontMetricsF(font(SIZE))
        gaps = [abs(metrics.horizontalAdvance(text[:count]) - x) for count in range(len(text) + 1)]
        return before + gaps.index(min(gaps))


class _Editor(QTextEdit):
    """Plain text with the lines of the chips."""

    finished = Signal()
    write_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptRichText(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("bare", True)
        self.setFont(font(SIZE))
        self.setTabChangesFocus(True)
        self.setAccessibleName("Text, editing")
        self.document().setDocumentMargin(_EDGES / 2)
        self.viewport().setAutoFillBackground(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def set_text(self, text: str) -> None:
        self.setPlainText(text)
        lines = QTextBlockFormat()
        lines.setLineHeight(LINE, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(lines)
        frame = self.document().rootFrame()
        edges = frame.frameFormat()
        edges.setTopMargin(-1)  # the letters then stand where those of the chips stand
        frame.setFrameFormat(edges)
        self.document().clearUndoRedoStacks()

    def begin(self, position: int, key: str, anchor: int) -> None:
        cursor, length = self.textCursor(), len(self.toPlainText())
        cursor.setPosition(min(anchor, length))
        cursor.setPosition(min(position, length), QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        if key == "\b":
            cursor.deletePreviousChar()  # the selection, if there is one
        elif key:
            cursor.insertText(key)
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        entered = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if entered and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.write_asked.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.finished.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()  # Escape leaves the editor before it stops the model
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.document().isEmpty():
            painter = QPainter(self.viewport())
            painter.setFont(self.font())
            painter.setPen(QColor(colors(self).muted))
            box = self.viewport().rect().adjusted(_EDGES // 2, _EDGES // 2, 0, 0)
            box.setHeight(LINE)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, PLACEHOLDER)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        passing = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
        if event.reason() not in passing:
            self.finished.emit()


def _words(draft: str) -> list[TokenChip]:
    """Typed text before it is read: words, so that lines can break."""
    return [TokenChip(word, -1, word.encode(), plain=True) for word in _WORDS.findall(draft)]
