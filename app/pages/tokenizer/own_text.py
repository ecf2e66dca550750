"""Where a person types or pastes a text of their own."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from app.pages.tokenizer.cut import MOST_BYTES, size_of
from app.theme.type import font

PLACEHOLDER = "Type or paste a text of your own"
_MOST_LINES = 5
_MOST_CHARACTERS, _LONGEST_LINE = 200_000, 20_000  # what Qt edits without a person waiting
_FRAME = 18  # edge and padding, above and below


class OwnText(QPlainTextEdit):
    """As high as its text, five lines at most. refused(bytes): a paste was larger than the page takes.

    A text too long to edit here is held whole and only named: Qt needs minutes for a line of a million letters.
    """

    refused = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._held = ""
        self.setFont(font(15, fixed=True))
        self.setPlaceholderText(PLACEHOLDER)
        self.setAccessibleName(PLACEHOLDER)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self.updateGeometry)

    def text(self) -> str:
        """Exactly what was typed: the plain text of Qt would turn a no-break space into a space."""
        return self._held or self.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")

    @property
    def is_held(self) -> bool:
        """Whether the text is too long to stand in the editor."""
        return bool(self._held)

    def take(self, text: str) -> None:
        """Puts a text in the place of what stands there; refuses one that is larger than the page takes."""
        size = size_of(text) if len(text) <= MOST_BYTES else len(text)
        if size > MOST_BYTES:
            self.refused.emit(size)
            return
        held = not _can_edit(text)
        self._held = text if held else ""
        words = f"A pasted text of {len(text):,} characters. Type to begin another."
        self.setPlaceholderText(words if held else PLACEHOLDER)
        blocked = self.blockSignals(True)
        self.setPlainText("" if held else text)
        self.blockSignals(blocked)
        self.textChanged.emit()

    def select(self, start: int, end: int) -> None:
        """Marks a part of the text; tells nobody."""
        cursor = self.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        blocked = self.blockSignals(True)
        self.setTextCursor(cursor)
        self.blockSignals(blocked)
        self.viewport().update()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """A text that can be edited goes where the caret is; a longer one takes the place of everything. A gigabyte
        pasted by mistake is refused by its size, before anything is made of it."""
        size = source.data("text/plain").size()
        if size > MOST_BYTES:
            self.refused.emit(size)
            return
        text = source.text()
        if _can_edit(text) and self.document().characterCount() + len(text) <= _MOST_CHARACTERS:
            self._let_go()
            super().insertFromMimeData(source)
        else:
            self.take(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        erases = event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)
        if self._held and (erases or (event.text() and event.text().isprintable())):
            self.take("")
        super().keyPressEvent(event)

    def _let_go(self) -> None:
        self._held = ""
        self.setPlaceholderText(PLACEHOLDER)

    def sizeHint(self) -> QSize:
        lines = min(max(round(self.document().size().height()), 1), _MOST_LINES)
        return QSize(400, lines * QFontMetrics(self.font()).lineSpacing() + _FRAME)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())


def _can_edit(text: str) -> bool:
    return len(text) <= _MOST_CHARACTERS and max(map(len, text.split("\n"))) <= _LONGEST_LINE
