"""Four questions about what models fail at: a click answers it with the text at hand."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.tokenizer.lessons import LESSONS
from app.theme.type import S
from app.widgets.buttons import Button
from app.widgets.label import Label


class LessonStrip(QWidget):
    """asked(Lesson)."""

    asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = [Button(lesson.name, small=True, tooltip=lesson.question) for lesson in LESSONS]
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 4, 8, 0)
        row.setSpacing(S)
        row.addWidget(Label("Why do models fail at", "muted", 11))
        for lesson, button in zip(LESSONS, self.buttons, strict=True):
            button.clicked.connect(lambda _=False, lesson=lesson: self.asked.emit(lesson))
            row.addWidget(button)
        row.addWidget(Label("?", "muted", 11))
        row.addStretch(1)
