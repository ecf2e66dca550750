"""Where a conversation of one's own is written, turn by turn."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.finetune.editor_model import Drafts
from app.pages.finetune.editor_problem import Problem, problem_at
from app.pages.finetune.editor_turn import Turn
from app.pages.finetune.editor_turns import moved, next_role, with_role, with_text, with_turn, without_turn
from app.theme.type import M, S
from app.widgets.buttons import Button, ToolButton
from app.widgets.empty_state import EmptyState
from app.widgets.label import Label
from app.widgets.panel import Panel
from engine.corpus.conversation import Message

_SENTENCE = "Write a conversation of your own: what a person says, and what the model is to answer."
_EXAMPLE = "A few dozen, in one voice, already change how a small model answers."


class EditorPanel(Panel):
    """Shows the chosen one of `drafts`. undone(words): a change was taken back."""

    undone = Signal(str)

    def __init__(self, drafts: Drafts, parent: QWidget | None = None) -> None:
        super().__init__("Write", margins=(16, 12, 8, 12), parent=parent)
        self.drafts = drafts
        self.turns: list[Turn] = []
        self._focus = -1
        self.whole = Label("", "warning", 11, wrap=True)
        self.undo_button = ToolButton("ph.arrow-u-up-left", "Undo")
        self.redo_button = ToolButton("ph.arrow-u-up-right", "Redo")
        self.add_control(self.undo_button)
        self.add_control(self.redo_button)
        self.empty = EmptyState("ph.chats-teardrop", _SENTENCE, "Write the first one", _EXAMPLE, primary=False)
        self._buttons = {role: Button(f"Add {role}", small=True, icon="ph.plus") for role in _ROLES}
        self._inner = QWidget()
        self._column = QVBoxLayout(self._inner)
        self._area = QScrollArea()
        self._lay_out()
        self._connect()
        self.show_chosen()

    def _lay_out(self) -> None:
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(S)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(self._inner)
        self._area.viewport().setAutoFillBackground(False)
        self._inner.setAutoFillBackground(False)
        self._adding = QWidget()
        row = QHBoxLayout(self._adding)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(S)
        for button in self._buttons.values():
            row.addWidget(button)
        row.addSpacing(M)
        row.addWidget(self.whole, 1)
        self.body.addWidget(self._area, 1)
        self.body.addWidget(self._adding)
        self.body.addWidget(self.empty, 1)

    def _connect(self) -> None:
        for role, button in self._buttons.items():
            button.clicked.connect(lambda _=False, role=role: self.add_turn(role))
        self.empty.clicked.connect(self._write_first)
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.drafts.changed.connect(self.show_chosen)
        self.drafts.typed.connect(self._judge)

    def show_chosen(self) -> None:
        """Builds the turns anew. The focus stays at the turn where it was, or goes where a change wants it."""
        current = self.drafts.current
        focus, self._focus = (self._focus if self._focus >= 0 else self._focused()), -1
        for turn in self.turns:
            turn.hide()
            turn.deleteLater()
        while self._column.count():
            self._column.takeAt(0)
        messages = current.messages if current is not None else ()
        self.turns = [self._turn(at, message, len(messages) - 1) for at, message in enumerate(messages)]
        self._column.addStretch(1)
        for part in (self._area, self._adding):
            part.setVisible(current is not None)
        self.empty.setVisible(current is None)
        self.set_subtitle(f"{self.drafts.chosen + 1:,} of {len(self.drafts.conversations):,}" if current else "")
        self._judge()
        if current is not None and 0 <= focus < len(self.turns):
            QTimer.singleShot(0, self, lambda: self._go_to(focus))

    def begin(self) -> None:
        """The caret goes to the first turn that is still empty."""
        current = self.drafts.current
        if current is not None:
            empty = (at for at, message in enumerate(current.messages) if not message.content)
            at = next(empty, 0)
            QTimer.singleShot(0, self, lambda: self._go_to(at))

    def add_turn(self, role: str) -> None:
        """A system turn goes to the beginning, any other to the end."""
        current = self.drafts.current
        if current is not None:
            at = 0 if role == "system" else len(current.messages)
            self._focus = at
            self.drafts.change(with_turn(current, at, Message(role, "")), f"the new {role} turn")

    def undo(self) -> None:
        words = self.drafts.undo()
        if words:
            self.undone.emit(words)

    def redo(self) -> None:
        self.drafts.redo()

    def _turn(self, at: int, message: Message, last: int) -> Turn:
        turn = Turn(message, first=at == 0, last=at == last)
        turn.said.connect(lambda text: self._say(at, text))
        turn.role_chosen.connect(lambda role: self._set_role(at, role))
        turn.moved.connect(lambda by: self._move(at, by))
        turn.removed.connect(lambda: self._remove(at))
        turn.text.wants_undo.connect(self.undo)
        turn.text.wants_redo.connect(self.redo)
        turn.text.ended.connect(lambda: self._end(at))
        self._column.addWidget(turn)
        return turn

    def _say(self, at: int, text: str) -> None:
        if self.drafts.current is not None:
            self.drafts.change(with_text(self.drafts.current, at, text), "the typing", typing=at)

    def _set_role(self, at: int, role: str) -> None:
        if self.drafts.current is not None:
            self._focus = at
            self.drafts.change(with_role(self.drafts.current, at, role), "the change of role")

    def _move(self, at: int, by: int) -> None:
        if self.drafts.current is not None:
            self._focus = at + by
            self.drafts.change(moved(self.drafts.current, at, by), "the move of a turn")

    def _remove(self, at: int) -> None:
        if self.drafts.current is not None:
            self._focus = max(at - 1, 0)
            self.drafts.change(without_turn(self.drafts.current, at), "the deletion of a turn")

    def _write_first(self) -> None:
        self.drafts.add()
        self.begin()

    def _end(self, at: int) -> None:
        """Ctrl+Enter: on to the next turn, which is made when there is none."""
        current = self.drafts.current
        if current is not None and at + 1 < len(current.messages):
            self._go_to(at + 1)
        elif current is not None:
            self.add_turn(next_role(current))

    def _judge(self) -> None:
        """Says what is wrong where it is wrong; marks which turn comes next."""
        current = self.drafts.current
        found = problem_at(current) if current is not None else Problem(-1, "")
        for at, turn in enumerate(self.turns):
            turn.set_problem(found.words if at == found.turn else "")
        self.whole.setText(found.words if found.turn < 0 else "")
        coming = next_role(current) if current is not None else ""
        for role, button in self._buttons.items():
            button.set_kind("accent" if role == coming else "plain")
        if current is not None:
            self._buttons["system"].setEnabled(not any(m.role == "system" for m in current.messages))
        for tool, words, name in (
            (self.undo_button, self.drafts.undo_words, "Undo"),
            (self.redo_button, self.drafts.redo_words, "Redo"),
        ):
            tool.setEnabled(bool(words))
            tool.setToolTip(f"{name} {words}" if words else f"Nothing to {name.lower()}")

    def _focused(self) -> int:
        return next((at for at, turn in enumerate(self.turns) if turn.text.hasFocus()), -1)

    def _go_to(self, at: int) -> None:
        if 0 <= at < len(self.turns):
            turn = self.turns[at]
            turn.text.setFocus(Qt.FocusReason.OtherFocusReason)
            cursor = turn.text.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            turn.text.setTextCursor(cursor)
            self._area.ensureWidgetVisible(turn, 0, 8)


_ROLES = ("user", "assistant", "system", "tool")
