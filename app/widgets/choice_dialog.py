"""A question with a few answers, each a button that says what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.theme.type import L, S, font
from app.widgets.buttons import Button
from app.widgets.label import Label

_WIDTH = 460


@dataclass(frozen=True)
class Choice:
    """key: what `ask` returns. kind: "primary", "plain" or "danger" as buttons are; the primary one is Enter's."""

    key: str
    text: str
    kind: str = "plain"


class ChoiceDialog(QDialog):
    """Escape and the window's own close button answer with `escape`. details: folded technical text to copy."""

    def __init__(
        self,
        title: str,
        words: str,
        choices: Sequence[Choice],
        *,
        escape: str,
        details: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.answer = escape
        self.setWindowTitle("Cutaway")
        self.setAccessibleName(title)
        self.setFixedWidth(_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(S)
        layout.addWidget(Label(title, size=15, weight=600, wrap=True))
        text = Label(words, "muted", wrap=True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(text)
        layout.addSpacing(L)
        row = QHBoxLayout()
        row.setSpacing(S)
        if details:
            self._add_details(layout, row, details)
        row.addStretch(1)
        for choice in choices:
            row.addWidget(self._button(choice))
        layout.addLayout(row)
        self._fit()

    def _fit(self) -> None:
        """As high as the wrapped text needs at our width: a dialog by itself asks for more."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.setFixedHeight(layout.totalHeightForWidth(_WIDTH))

    def _button(self, choice: Choice) -> Button:
        button = Button(choice.text, choice.kind)
        button.setObjectName(choice.key)
        button.clicked.connect(lambda: self._choose(choice.key))
        if choice.kind == "primary":
            button.setFocus()
        return button

    def _choose(self, key: str) -> None:
        self.answer = key
        self.accept()

    def _add_details(self, layout: QVBoxLayout, row: QHBoxLayout, details: str) -> None:
        box = QPlainTextEdit(details)
        box.setReadOnly(True)
        box.setFont(font(11, fixed=True))
        box.setFixedHeight(180)
        box.setVisible(False)
        layout.addWidget(box)
        show, copy = Button("Details", "quiet", "ph.caret-down"), Button("Copy", "quiet", "ph.copy")
        copy.setVisible(False)

        def unfold() -> None:
            box.setVisible(not box.isVisible())
            copy.setVisible(box.isVisible())
            self._fit()

        show.clicked.connect(unfold)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
        row.addWidget(show)
        row.addWidget(copy)


def ask(
    parent: QWidget | None, title: str, words: str, choices: Sequence[Choice], *, escape: str, details: str = ""
) -> str:
    """Waits for the answer; the rest of the window goes on painting meanwhile."""
    dialog = ChoiceDialog(title, words, choices, escape=escape, details=details, parent=parent)
    dialog.exec()
    dialog.deleteLater()
    return dialog.answer
