"""Where a person types or pastes a text of their own."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from app.pages.tokenizer.cut import MOST_BYTES, size_of
from app.theme.type import font

PLACEHOLDER = "Type or paste a text of your own"
_MOST_LINES = 5
_FRAME = 18  # edge and padding, above and below


class OwnText(QPlainTextEdit):
    """As high as its text, five lines at most. refused(bytes): a paste was larger than the page takes."""

    refused = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        return self.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")

    def insertFromMimeData(self, source: QMimeData) -> None:
        if source.hasText() and size_of(source.text()) > MOST_BYTES:
            self.refused.emit(size_of(source.text()))
        else:
            super().insertFromMimeData(source)

    def sizeHint(self) -> QSize:
        lines = min(max(round(self.document().size().height()), 1), _MOST_LINES)
        return QSize(400, lines * QFontMetrics(self.font()).lineSpacing() + _FRAME)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())
