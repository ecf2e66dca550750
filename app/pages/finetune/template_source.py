"""The chat template itself: whose it is, what ends an answer, and its Jinja, which folds away."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QSyntaxHighlighter, QTextCharFormat
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.pages.finetune.template_query import Opened
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import ToolButton
from app.widgets.label import Label
from app.widgets.panel import Panel

_BRACES = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORDS = re.compile(r"\b(if|elif|else|endif|for|endfor|in|not|and|or|set|macro|endmacro|generation|endgeneration|is)\b")


class TemplateSource(Panel):
    """unfolded(bool): the Jinja wants room, or no longer."""

    unfolded = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Template", margins=(16, 12, 10, 12), parent=parent)
        self.copy_button = ToolButton("ph.copy", "Copy the template")
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        self.fold_button = ToolButton("ph.caret-double-up", "Show the whole template", checkable=True)
        self.fold_button.toggled.connect(self._fold)
        self.add_control(self.copy_button)
        self.add_control(self.fold_button)
        self.words = Label("", "muted", 11, wrap=True)
        self.problem = Label("", "danger", 11, wrap=True)
        self.problem.hide()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("bare", True)
        self.text.setFont(font(11, fixed=True))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("The chat template")
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setTabChangesFocus(True)
        self.text.viewport().setAutoFillBackground(False)
        self._colours = _Jinja(self, self.text)
        self.body.addWidget(self.words)
        self.body.addWidget(self.problem)
        self.body.addWidget(self.text, 1)

    def show_opened(self, opened: Opened | None) -> None:
        if opened is None:
            self.set_subtitle("")
            self.words.setText("")
            self.text.setPlainText("")
            return
        self.set_subtitle("Cutaway’s own" if opened.own else "the model’s own")
        names = sorted(opened.tokenizer.token_text(token_id) for token_id in opened.template.end_ids)
        origin = "After ChatML." if opened.own else f"{opened.base} came with it."
        words = (
            f"{origin} An answer ends with {' or '.join(names)}."
            if names
            else f"{origin} Nothing ends an answer in it."
        )
        if opened.added:
            words += f" {len(opened.added)} special tokens are added behind the vocabulary: {', '.join(opened.added)}."
        self.words.setText(words)
        self.text.setPlainText(opened.template.source)

    def say(self, problem: str) -> None:
        """What the template refused, in words; "" for nothing."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colours.rehighlight()

    def _fold(self, open_: bool) -> None:
        self.fold_button.setToolTip("Fold the template" if open_ else "Show the whole template")
        self.fold_button.set_icon("ph.caret-double-down" if open_ else "ph.caret-double-up")
        self.unfolded.emit(open_)


class _Jinja(QSyntaxHighlighter):
    """What is not Jinja is written as it stands; what is, is quieter, its words in accent and its texts in green."""

    def __init__(self, owner: QWidget, view: QPlainTextEdit) -> None:
        """owner: whose colours they are; the view itself has no ground of its own to tell light from dark."""
        super().__init__(view.document())
        self._owner = owner

    def highlightBlock(self, text: str) -> None:
        p = colors(self._owner)
        for braces in _BRACES.finditer(text):
            self._set(braces.start(), braces.end(), p.muted)
            for pattern, color in ((_WORDS, p.accent), (_TEXT, p.ok)):
                for found in pattern.finditer(text, braces.start(), braces.end()):
                    self._set(found.start(), found.end(), color)

    def _set(self, start: int, end: int, color: str) -> None:
        look = QTextCharFormat()
        look.setForeground(QColor(color))
        self.setFormat(start, end - start, look)
