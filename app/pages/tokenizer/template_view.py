"""Templates: a conversation as the model sees it, role marks and all, and which tokens it learns."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.pages.tokenizer.template_query import Written, writing
from app.pages.tokenizer.template_turn import TemplateTurn, TrainedLegend
from app.pages.tokenizer.view import Chosen, View
from app.theme.type import L, M, font
from app.widgets.inspection import Inspection
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.segments import Segments
from app.widgets.token_view import TokenChip
from app.widgets.token_view_words import visible
from engine.corpus.conversation import Message
from engine.errors import CutawayError

_TYPING_MS = 120
_TURNS = (
    ("system", "Answer in one short sentence."),
    ("user", "How many r stand in strawberry?"),
    ("assistant", "There are three of them."),
    ("user", "And if I type <|end_turn|> myself?"),
    ("assistant", "Then it is text like any other: only the template writes the mark."),
)
_MOST_CHARACTERS = 2_000
_EDITOR_HEIGHT = 62


class TemplateView(View):
    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chosen: Chosen | None = None
        self._ticket: Ticket | None = None
        self.written: Written | None = None
        self.editors = [_editor(role, text) for role, text in _TURNS]
        self.tokens = Readout("tokens", "0", size=28)
        self.trained = Readout("trained", "0", size=20)
        self.marks = Readout("special", "0", size=20)
        self.look = Segments(("Tokens", "Text"), small=True)
        self.words = Label("", "muted", 11, wrap=True)
        self.text = QPlainTextEdit()
        self.stack = QStackedWidget()
        self._turns = QWidget()
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._lay_out()
        for editor in self.editors:
            editor.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self.write)
        self.look.changed.connect(self.stack.setCurrentIndex)

    def _lay_out(self) -> None:
        said = Panel("Conversation", "an empty turn is left out")
        grid = QGridLayout()
        grid.setHorizontalSpacing(M)
        grid.setVerticalSpacing(M)
        for row, (editor, (role, _)) in enumerate(zip(self.editors, _TURNS, strict=True)):
            grid.addWidget(Label(role, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(editor, row, 1)
        said.body.addLayout(grid)
        said.body.addStretch(1)
        seen = Panel("As the model sees it", margins=(16, 12, 8, 12))
        seen.add_left(TrainedLegend())
        seen.add_control(self.look)
        self.text.setReadOnly(True)
        self.text.setProperty("bare", True)
        self.text.setFont(font(13, fixed=True))
        self.text.setAccessibleName("The text that the template writes")
        self.text.viewport().setAutoFillBackground(False)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.viewport().setAutoFillBackground(False)
        self.stack.addWidget(self.area)
        self.stack.addWidget(self.text)
        figures = QHBoxLayout()
        figures.setSpacing(L)
        for readout in (self.tokens, self.trained, self.marks):
            figures.addWidget(readout, 0, Qt.AlignmentFlag.AlignBottom)
        figures.addStretch(1)
        seen.body.addLayout(figures)
        seen.body.addWidget(self.stack, 1)
        seen.body.addWidget(self.words)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(said, 7)
        layout.addWidget(seen, 12)

    def use(self, chosen: Chosen) -> None:
        self._chosen = chosen
        if self.isVisible():
            self.write()

    def shown(self) -> None:
        self.write()

    def hidden(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def messages(self) -> list[Message]:
        """The turns that say something."""
        texts = [editor.toPlainText()[:_MOST_CHARACTERS] for editor in self.editors]
        return [Message(role, text) for (role, _), text in zip(_TURNS, texts, strict=True) if text.strip()]

    def write(self) -> None:
        """Anew, for the chosen tokenizer."""
        self._typing.stop()
        self.hidden()
        messages = self.messages()
        if self._chosen is None or not messages:
            self.words.set_role("muted")
            self.words.setText("Write a turn at the left.")
            return
        query = writing(self._chosen.tokenizer, messages)
        self._ticket = self._desk.engine.ask(query, self._take, None, self._fail)

    def _fail(self, error: CutawayError) -> None:
        self.words.set_role("danger")
        self.words.setText(f"{error.what} {error.why} {error.remedy}")

    def _take(self, item: object) -> None:
        assert isinstance(item, Written)
        self.written = item
        inner = QWidget()
        inner.setAutoFillBackground(False)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(M)
        for turn in item.turns:
            shown = TemplateTurn(turn)
            shown.hovered.connect(self._point_at)
            column.addWidget(shown)
        column.addStretch(1)
        self.area.setWidget(inner)
        inner.setAutoFillBackground(False)
        self.text.setPlainText(item.text)
        self.tokens.set_value(f"{item.tokens:,}")
        self.trained.set_value(f"{item.trained:,}", f"{item.trained / max(item.tokens, 1):.0%}")
        special = sum(chip.special for turn in item.turns for chip in turn.chips)
        self.marks.set_value(f"{special:,}")
        self.words.set_role("muted")
        self.words.setText(_told(item))

    def _point_at(self, chip: TokenChip | None) -> None:
        self.inspected.emit(_inspection(chip) if chip is not None else None)


def _editor(role: str, text: str) -> QPlainTextEdit:
    editor = QPlainTextEdit(text)
    editor.setAccessibleName(f"What {role} says")
    editor.setPlaceholderText("nothing")
    editor.setTabChangesFocus(True)
    editor.setFixedHeight(_EDITOR_HEIGHT)
    return editor


def _told(written: Written) -> str:
    words = "Cutaway’s template, after ChatML."
    if written.added:
        words += f" For it, {len(written.added)} special tokens are added behind this vocabulary when it is tuned."
    return f"{words} {written.note}".strip()


def _inspection(chip: TokenChip) -> Inspection:
    trained = chip.value == 1.0
    words = (
        "The loss counts this token: the model has to write it by itself."
        if trained
        else "The model reads this token, and is not asked to write it: the mask leaves it out of the loss."
    )
    if chip.special:
        words += " It is a mark of the template. Nobody can type it: the same letters in a message become plain text."
    return Inspection(
        title=chip.text if chip.special else visible(chip.text, chip.data),
        subtitle="one token of the conversation",
        fixed=True,
        words=words,
        formula=r"loss = -\frac{\sum mask_t \ln p(x_t)}{\sum mask_t}",
        formula_words="Only tokens whose mask is 1 are learned.",
        rows=(
            ("id", f"{chip.token_id:,}", "accent"),
            ("mask", "1" if trained else "0"),
            ("bytes", f"{len(chip.data):,}"),
        ),
        subject="token",
    )
