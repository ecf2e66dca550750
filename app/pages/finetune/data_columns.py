"""Which two columns are meant, named by hand."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.theme.type import S
from app.widgets.label import Label


class Columns(QWidget):
    """changed(): both are named now, or none is any more."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question, self.answer = QLineEdit(), QLineEdit()
        self._told: dict[str, str] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 0)
        row.setSpacing(S)
        row.addWidget(Label("Columns", "muted", 11))
        for edit, words in ((self.question, "question or text"), (self.answer, "answer or label")):
            edit.setPlaceholderText(words)
            edit.setAccessibleName(f"Column of the {words}")
            edit.setFixedWidth(160)
            edit.editingFinished.connect(self._tell)
            row.addWidget(edit)
        row.addStretch(1)

    def chosen(self) -> dict[str, str]:
        """Settings of the stage; empty unless both are named."""
        question, answer = self.question.text().strip(), self.answer.text().strip()
        return {"question_column": question, "answer_column": answer} if question and answer else {}

    def clear(self) -> None:
        """Does not emit `changed`."""
        self.question.clear()
        self.answer.clear()
        self._told = {}

    def offer(self, offered: bool) -> None:
        self.setVisible(offered)

    def _tell(self) -> None:
        if self.chosen() != self._told:
            self._told = self.chosen()
            self.changed.emit()
