"""Questions with what base and tuned model say to them, and whether that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.theme.palette import colors
from app.theme.type import L, M
from app.widgets.inspection import Inspection
from app.widgets.label import Label
from app.widgets.tag import Tag
from engine.events import Answered

EDGE = 10
_ENOUGH = 110


@dataclass(frozen=True)
class Verdict:
    """word, tag's kind and icon: never colour alone."""

    word: str
    kind: str
    icon: str


def verdict_of(answer: Answered) -> Verdict:
    if not answer.stopped:
        return Verdict("did not stop", "warning", "ph.dots-three")
    return Verdict("right", "ok", "ph.check") if answer.right else Verdict("wrong", "danger", "ph.x")


class AnswersList(QScrollArea):
    """sides: with the base's words beside the tuned model's. inspected(Inspection | None)."""

    inspected = Signal(object)

    def __init__(self, *, sides: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sides = sides
        self._rows: list[AnswerRow] = []
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Questions and answers")
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, EDGE, 0)
        self._column.setSpacing(0)
        self._empty = Label("", "muted", wrap=True)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        self.setWidget(holder)
        self.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)

    def show_answers(self, answers: Sequence[Answered], before: Mapping[int, Answered], nothing: str = "") -> None:
        """before: the answers of the look before, by number, to tell what changed. nothing: what to say of none."""
        while len(self._rows) < len(answers):
            row = AnswerRow(self._sides)
            row.inspected.connect(self.inspected)
            self._column.insertWidget(len(self._rows), row)
            self._rows.append(row)
        for place, row in enumerate(self._rows):
            row.setVisible(place < len(answers))
            if place < len(answers):
                row.show_answer(answers[place], before.get(answers[place].number), first=place == 0)
        self._empty.setText(nothing)
        self._empty.setVisible(not answers and bool(nothing))

    @property
    def shown(self) -> list[AnswerRow]:
        return [row for row in self._rows if not row.isHidden()]


class AnswerRow(QWidget):
    """One question. inspected(Inspection | None): the pointer is over it."""

    inspected = Signal(object)

    def __init__(self, sides: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answer: Answered | None = None
        self._before: Answered | None = None
        self._first = True
        self.question = Label(weight=600, wrap=True)
        self.tag = Tag("", small=True)
        self.base = Label(role="muted", wrap=True)
        self.tuned = Label(wrap=True)
        self.base.setVisible(sides)
        self.expected = Label(role="muted", size=11, wrap=True)
        head = QHBoxLayout()
        head.setSpacing(M)
        head.addWidget(self.question, 1)
        head.addWidget(self.tag, 0, Qt.AlignmentFlag.AlignTop)
        sayings = QGridLayout()
        sayings.setHorizontalSpacing(L)
        sayings.setColumnStretch(0, 1)
        sayings.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        answer = QVBoxLayout()
        answer.setSpacing(1)
        answer.addWidget(self.tuned)
        answer.addWidget(self.expected)
        answer.addStretch(1)
        if sides:
            sayings.addWidget(self.base, 0, 0, top)
            sayings.addLayout(answer, 0, 1)
        else:
            sayings.addLayout(answer, 0, 0, 1, 2)
        for label in (self.base, self.tuned, self.expected):
            # However long the words, both columns stay half of the width.
            policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            label.setSizePolicy(policy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 9, 0, 9)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(sayings)

    def show_answer(self, answer: Answered, before: Answered | None, *, first: bool) -> None:
        self._before = before
        if answer == self._answer and first == self._first:
            return
        self._answer, self._first = answer, first
        verdict = verdict_of(answer)
        self.question.setText(answer.question)
        self.tag.set(verdict.word, verdict.kind, verdict.icon)
        self.base.setText(f"{_shortened(_one_line(answer.base))} …")
        self.base.setToolTip(answer.base)
        said = _one_line(answer.answer)
        self.tuned.setText(said if answer.stopped else f"{_shortened(said)} …")
        self.tuned.setToolTip("" if answer.stopped else answer.answer)
        self.expected.setText(f"Right: {_one_line(answer.expected)}")
        self.expected.setVisible(not answer.right)
        self.setAccessibleName(f"{answer.question} {answer.answer}: {verdict.word}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._first:
            QPainter(self).fillRect(0, 0, self.width(), 1, QColor(colors(self).hairline))

    def enterEvent(self, event: QEnterEvent) -> None:
        if self._answer is not None:
            self.inspected.emit(inspection(self._answer, self._before))

    def leaveEvent(self, event: QEvent) -> None:
        self.inspected.emit(None)


def inspection(answer: Answered, before: Answered | None) -> Inspection:
    verdict = verdict_of(answer)
    rows: list[tuple[str, ...]] = [("it is", verdict.word, verdict.kind), ("a right answer", answer.expected)]
    if before is not None:
        same = "the same" if before.answer == answer.answer else before.answer or "nothing"
        rows.append((f"at step {before.step:,}", same))
    return Inspection(
        "Question and answer",
        f"held out, question {answer.number + 1}, step {answer.step:,}",
        words="The base model takes the question for the beginning of a text and goes on. The tuned one is asked as "
        "in a chat, with the likeliest token each time. It is right only when it says a right answer, word for word, "
        "and ends by itself.",
        rows=tuple(rows),
        subject="answer",
    )


def _shortened(text: str) -> str:
    """Of a text without an end the first words: all of it stands in the tooltip."""
    return text if len(text) <= _ENOUGH else text[:_ENOUGH].rsplit(" ", 1)[0]


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "(nothing)"
