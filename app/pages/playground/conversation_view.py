"""A conversation as it goes: its turns below each other, the answers as tokens, and where the model's view begins."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QToolTip, QVBoxLayout, QWidget

from app.pages.playground.dialogue import Dialogue
from app.pages.playground.token_colours import TokenColours, told
from app.pages.playground.turn_row import GUTTER, TurnRow
from app.pages.playground.turns import is_cut_off, range_of
from app.theme.type import S
from app.widgets.label import Hairline, Label

_NOTHING = "Nothing was said yet. The answer streams token by token, and each of them can be looked at or changed."


class ConversationView(QScrollArea):
    """Follows a dialogue, and its end unless a person scrolled up. edit_asked(index of the turn). again_asked()."""

    edit_asked = Signal(int)
    again_asked = Signal()

    def __init__(self, dialogue: Dialogue, colours: TokenColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dialogue, self._colours = dialogue, colours
        self.rows: list[TurnRow] = []
        self._first: list[int] = []  # of each row's tokens in the whole text
        self.border = _Border()
        self._body = QWidget()
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._nothing = Label(_NOTHING, "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._nothing)
        self.setWidget(self._body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self._body.setAutoFillBackground(False)
        self.setAccessibleName("Conversation")
        self._follow = True
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda _, most: bar.setValue(most) if self._follow else None)
        bar.actionTriggered.connect(lambda _: QTimer.singleShot(0, self._look_where))
        dialogue.replaced.connect(self.refresh)
        dialogue.appended.connect(self._append)
        dialogue.changed.connect(self._update)
        dialogue.looked.connect(self._mark)

    def refresh(self) -> None:
        """All turns anew; rows that stay the same kind are kept."""
        dialogue = self._dialogue
        turns = dialogue.turns if dialogue.chatting else ()
        self._nothing.setVisible(not turns)
        while len(self.rows) > len(turns):
            row = self.rows.pop()
            self._column.removeWidget(row)
            row.deleteLater()
        for index, turn in enumerate(turns):
            if index == len(self.rows):
                self._add(turn.role)
            elif self.rows[index].role != turn.role:
                self._replace(index, turn.role)
        self._first = [self._show(row, index) for index, row in enumerate(self.rows)]
        self._place_border()
        self._update()
        self._mark()

    def set_editing(self, index: int | None) -> None:
        for place, row in enumerate(self.rows):
            row.set_editing(place == index)

    def follow(self) -> None:
        """Brings the end into view, and what comes."""
        self._follow = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    # Rows

    def _add(self, role: str) -> None:
        self._insert(len(self.rows), role)

    def _replace(self, index: int, role: str) -> None:
        old = self.rows.pop(index)
        self._column.removeWidget(old)
        old.deleteLater()
        self._insert(index, role)

    def _insert(self, index: int, role: str) -> None:
        row = TurnRow(role)
        self._column.removeWidget(self.border)
        self.rows.insert(index, row)
        self._column.insertWidget(index + 1, row)  # behind the stretch
        row.pressed.connect(lambda: self._press(row))
        row.clicked.connect(lambda token: self._dialogue.select(self._first[self.rows.index(row)] + token))
        row.hovered.connect(lambda token: self._tell(row, token))

    def _press(self, row: TurnRow) -> None:
        if row.role == "assistant":
            self.again_asked.emit()
        else:
            self.edit_asked.emit(self.rows.index(row))

    def _show(self, row: TurnRow, index: int) -> int:
        """Gives the index of its first token, -1 when it is shown as words."""
        dialogue = self._dialogue
        turn = dialogue.turns[index]
        tokens = range_of(turn, dialogue.tokens)
        if turn.is_answer and tokens and turn.sent:
            chips = [self._colours.chip(dialogue.tokens[place]) for place in tokens]
            row.show_tokens(chips, self._colours.current, cut_off=is_cut_off(turn, dialogue.tokens))
            return tokens.start
        waiting = turn.is_answer and not dialogue.said(index)
        row.show_words("…" if waiting else dialogue.said(index), sent=turn.sent and not waiting)
        return -1

    def _append(self, first: int) -> None:
        dialogue = self._dialogue
        if not dialogue.chatting or not self.rows:
            return
        row = self.rows[-1]
        if self._first[-1] < 0 or len(row.view.tokens) != first - self._first[-1]:
            self.refresh()
        else:
            row.view.append([self._colours.chip(token) for token in dialogue.tokens[first:]])

    def _place_border(self) -> None:
        turns = self._dialogue.turns
        gone = [index for index, turn in enumerate(turns) if not turn.sent]
        self._column.removeWidget(self.border)
        self.border.setVisible(bool(gone) and bool(self.rows))
        if gone and self.rows:
            facts = self._dialogue.facts
            self.border.tell(len(gone), facts.context_length if facts else 0)
            self._column.insertWidget(gone[-1] + 2, self.border)

    # What changes without another text

    def _update(self) -> None:
        dialogue = self._dialogue
        for index, row in enumerate(self.rows):
            last = index == len(self.rows) - 1
            row.view.set_streaming(last and dialogue.writing)
            row.offer(last and row.role == "assistant" and dialogue.can_repeat)

    def _mark(self) -> None:
        """Frames the token whose making is in view."""
        place = self._dialogue.selected
        for row, first in zip(self.rows, self._first, strict=False):
            own = place is not None and first >= 0 and 0 <= place - first < len(row.view.tokens)
            row.view.set_current(place - first if own and place is not None else None)

    def _tell(self, row: TurnRow, token: int) -> None:
        if token < 0:
            QToolTip.hideText()
            return
        index = self._first[self.rows.index(row)] + token
        place = row.view.viewport().mapToGlobal(row.view.token_rect(token).bottomLeft() + QPoint(0, 4))
        QToolTip.showText(place, told(self._dialogue.tokens[index]), row.view)

    def _look_where(self) -> None:
        bar = self.verticalScrollBar()
        self._follow = bar.value() >= bar.maximum() - 2


class _Border(QWidget):
    """Where the model's view begins."""

    def __init__(self) -> None:
        super().__init__()
        self._words = Label(role="muted", size=11)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setSpacing(S)
        left = Hairline()
        left.setFixedWidth(GUTTER - S)
        layout.addWidget(left, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._words)
        layout.addWidget(Hairline(), 1, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def tell(self, count: int, context: int) -> None:
        turns = f"{count} turn{'' if count == 1 else 's'}"
        self._words.setText(f"{turns} above left the view of {context:,} tokens: the oldest question goes first")
        self.setAccessibleName(self._words.text())
