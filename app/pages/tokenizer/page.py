"""The page: choose a tokenizer, type, and see what the model would receive; and the views that go further."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import (
    QAction,
    QGuiApplication,
    QHideEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.pages._page import PageWidget
from app.pages.tokenizer.choice import TokenizerChoice
from app.pages.tokenizer.compare_panel import ComparePanel
from app.pages.tokenizer.compare_row import CompareRow
from app.pages.tokenizer.corpus_counts import CorpusCounts
from app.pages.tokenizer.counts_panel import CountsPanel
from app.pages.tokenizer.cut import Cut, cut_in_pieces
from app.pages.tokenizer.inspections import card, of_token
from app.pages.tokenizer.learned import learned
from app.pages.tokenizer.lesson_strip import LessonStrip
from app.pages.tokenizer.lessons import LESSONS, Lesson
from app.pages.tokenizer.open_tokenizer import OpenTokenizerDialog
from app.pages.tokenizer.replay_panel import ReplayPanel
from app.pages.tokenizer.save_tokenizer import saving
from app.pages.tokenizer.shelf import Shelf
from app.pages.tokenizer.text_block import TextBlock
from app.pages.tokenizer.text_panel import TextPanel
from app.pages.tokenizer.token_card import TokenCard
from app.pages.tokenizer.view import View
from app.pages.tokenizer.view_stack import COMPARE, SEE, TRAIN, VIEWS, ViewStack
from app.theme.type import M
from app.widgets.buttons import Button, ToolButton
from app.widgets.segments import Segments
from app.widgets.token_view_words import visible
from engine.errors import CutawayError
from engine.events import ArtifactReady

_TYPING_MS = 0  # once for all that was typed before the window gets round to it
_REPLAY_HEIGHT, _LOW_REPLAY_HEIGHT = 285, 216
_HIGH, _ROOM_FOR_REPLAY = 720, 600


class TokenizerPage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.choice = TokenizerChoice()
        self.text = TextPanel()
        self.counts = CountsPanel()
        self.replay = ReplayPanel()
        self.shelf = Shelf(desk, self)
        self.compare = ComparePanel(self.shelf)
        self.lessons = LessonStrip()
        self.segments = Segments(VIEWS)
        self.segments.setAccessibleName("View")
        self.card = TokenCard(self)
        self.corpus = CorpusCounts(desk)
        self.learned = learned(self.choice.tokenizer)
        self._ticket: Ticket | None = None
        self._long: Cut | None = None
        self._open = ToolButton("ph.folder-open", "Open a tokenizer: tokenizer.json, .tiktoken or .model", size=30)
        self._save = ToolButton("ph.download-simple", "Save this tokenizer for transformers", size=30)
        self._copy = Button("Copy ids", "quiet", "ph.copy", tooltip="The numbers that the model would receive")
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._lay_out()
        self._connect()
        self._build_actions()
        self._show_tokenizer()
        self._offer()

    def _lay_out(self) -> None:
        self.text.body.addWidget(self.lessons)
        foot = QHBoxLayout()
        foot.setSpacing(M)
        foot.addWidget(self.replay, 54)
        foot.addWidget(self.compare, 46)
        see = QWidget()
        grid = QGridLayout(see)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(M)
        grid.setRowStretch(0, 1)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.text, 0, 0)
        grid.addWidget(self.counts, 0, 1)
        grid.addLayout(foot, 1, 0, 1, 2)
        self.views = ViewStack(self._desk, self.shelf, see)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.views)

    def _connect(self) -> None:
        self.text.editor.textChanged.connect(self._typing.start)
        self.text.editor.refused.connect(self.text.say_too_long)
        self._typing.timeout.connect(self.read)
        self.text.hovered.connect(self.point_at)
        self.text.clicked.connect(self.pick)
        self.text.scrolled.connect(self.card.hide)
        self.text.told.connect(lambda words: self._desk.bus.notice.emit("ok", words))
        self.choice.chosen.connect(self._show_tokenizer)
        self.choice.failed.connect(self._desk.bus.error)
        self.shelf.failed.connect(self._desk.bus.error)
        self.segments.changed.connect(self.show_view)
        self.views.inspected.connect(self._desk.bus.inspect)
        self.lessons.asked.connect(self.teach)
        self.compare.more.connect(lambda: self.show_view(COMPARE))
        self.compare.train.connect(lambda: self.show_view(TRAIN))
        for row in self.compare.rows:
            row.hovered.connect(lambda index, row=row: self._point_at_compared(row, index))
        self._desk.feed.events.connect(self._on_events)
        self._desk.bus.workspace_changed.connect(self._offer)

    def _build_actions(self) -> None:
        for place, name in enumerate(VIEWS):
            action = QAction(f"Tokenizer: {name}", self)
            action.setShortcut(QKeySequence(f"Alt+{place + 1}"))
            action.triggered.connect(lambda _=False, place=place: self.show_view(place))
            self.addAction(action)
        for lesson in LESSONS:
            action = QAction(lesson.question, self)
            action.setToolTip("Answered with this tokenizer")
            action.triggered.connect(lambda _=False, lesson=lesson: self._teach_here(lesson))
            self.addAction(action)
        for text, words, do in (
            ("Copy ids", "The token numbers, one list for each text", self.copy_ids),
            ("Copy tokens", "One token a line: its number and its text", self.copy_tokens),
            ("Open a tokenizer", "tokenizer.json, .tiktoken or .model", self.open_tokenizer),
            ("Save the tokenizer", "tokenizer.json and tokenizer_config.json, for transformers", self.save),
            ("Clear the text", "Back to the examples alone", lambda: self.text.editor.take("")),
        ):
            action = QAction(text, self)
            action.setToolTip(words)
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)
        self._copy.clicked.connect(self.copy_ids)
        self._open.clicked.connect(lambda: self.open_tokenizer())
        self._save.clicked.connect(self.save)

    # What the window asks

    def header_left(self) -> Sequence[QWidget]:
        return (self.choice, self._open, self._save)

    def header_right(self) -> Sequence[QWidget]:
        return (self.segments, self._copy)

    def shown(self) -> None:
        self._offer()
        self._desk.bus.rest.emit(self.views.at_rest())
        self.views.come()

    def hidden(self) -> None:
        self.card.hide()
        self.views.leave()

    def hideEvent(self, event: QHideEvent) -> None:
        self.card.hide()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.card.hide()
        self._make_room()
        super().resizeEvent(event)

    def _make_room(self) -> None:
        """In a low window, and for a tokenizer that joins nothing, the text keeps the whole height."""
        self.replay.setFixedHeight(_REPLAY_HEIGHT if self.height() >= _HIGH else _LOW_REPLAY_HEIGHT)
        self.compare.setFixedHeight(self.replay.height())
        self.compare.set_low(self.height() < _HIGH)
        self.counts.set_low(self.height() < _HIGH)
        self.compare.setVisible(self.height() >= _ROOM_FOR_REPLAY)
        self.replay.setVisible(self.height() >= _ROOM_FOR_REPLAY and bool(self.learned.ranks))

    # A tokenizer from elsewhere

    def open(self, argument: Any) -> None:
        """The name of a view, a tokenizer's folder in the workspace, or the file of one from elsewhere."""
        if argument in VIEWS:
            self.show_view(VIEWS.index(argument))
        elif isinstance(argument, Path) and argument in self.shelf.names():
            self._choose(argument)
        elif isinstance(argument, Path):
            self.open_tokenizer(str(argument))

    def open_tokenizer(self, source: str = "") -> None:
        """Asks which one, unless it was dropped; when it is here, it is chosen."""
        dialog = OpenTokenizerDialog(self._desk, source, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.opened.connect(lambda opened: self._choose(opened.folder))
        dialog.open()

    def save(self) -> None:
        """Asks for a folder, which gets the two files that transformers reads."""
        chosen = QFileDialog.getExistingDirectory(self, "Save the tokenizer in which folder?")
        if chosen:
            self.save_in(Path(chosen) / self.choice.currentText())

    def save_in(self, folder: Path) -> None:
        self._desk.engine.ask(saving(self.choice.tokenizer, folder), self._say_saved)

    def _say_saved(self, folder: object) -> None:
        self._desk.bus.notice.emit("ok", f"The tokenizer is in {folder}, and transformers loads it from there.")

    def _choose(self, folder: Path) -> None:
        self._offer()
        self.choice.choose_folder(folder)

    # The views

    def show_view(self, place: int) -> None:
        """SEE, TRAIN, COMPARE, BROWSE, TEMPLATES: what the segments of the header name."""
        self.card.hide()
        self.segments.set_current(place)
        self.views.go_to(place)
        self._copy.setVisible(place == SEE)
        self._desk.bus.rest.emit(self.views.at_rest())

    def view(self, place: int) -> View:
        return self.views.view(place)

    # The tokenizer

    def _offer(self) -> None:
        self.choice.offer(self._desk.workspace.artifacts("tokenizer"))

    def _on_events(self, index: int, stage: str, events: list[object]) -> None:
        made = {event.kind for event in events if isinstance(event, ArtifactReady)}
        if "tokenizer" in made:
            self._offer()
        if "shards" in made and self.isVisible():
            self.views.come()

    def _show_tokenizer(self) -> None:
        self.card.hide()
        self.learned = learned(self.choice.tokenizer)
        self.corpus.use(self.choice.tokenizer)
        self.text.show_examples(self.choice.tokenizer)
        self.read()
        self._replay_longest(self.text.blocks())
        self._make_room()
        chosen = self.choice.chosen_now()
        self.compare.use(chosen)
        self.views.use(chosen)

    def _replay_longest(self, blocks: Sequence[TextBlock]) -> None:
        """Until a person picks a token: the one that took the most merges, as a rule."""
        ids = {token_id for block in blocks for token_id in (block.cut.ids if block.cut else ())}
        self.replay.show_token(self.learned, max(ids, key=lambda i: len(self.learned.tokenizer.token_bytes(i))))

    def choose_named(self, name: str) -> None:
        """As if a person had picked it from all that there are now."""
        self._offer()
        self.choice.choose_folder(next((place for place, (own, _) in self.shelf.names().items() if own == name), None))

    # The text

    def read(self) -> None:
        """Cuts the person's text: at once when it is short, else on the engine thread."""
        self._typing.stop()
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        self.card.hide()
        text, tokenizer = self.text.editor.text(), self.choice.tokenizer
        if not self.text.read(tokenizer, text):
            self._read_long(text)
            return
        self.text.say("")
        self._count()

    def _read_long(self, text: str) -> None:
        tokenizer = self.choice.tokenizer
        self._long = None
        self.text.say("The text is being cut.")

        self._ticket = self._desk.engine.ask(
            lambda _: cut_in_pieces(tokenizer, text), self._take, self._show_long, self._fail
        )

    def _take(self, item: object) -> None:
        if isinstance(item, Cut):
            self._long = item
        else:
            self.text.say(f"The text is being cut: {item:.0%} done.")

    def _show_long(self) -> None:
        self._ticket = None
        self.text.say("")
        self.text.show_own(self.choice.tokenizer, self._long)
        self._count()

    def _fail(self, error: CutawayError) -> None:
        self._ticket = None
        self.text.say("")
        self._desk.bus.error.emit(error)

    def _count(self) -> None:
        self.counts.show_cuts({block.name: block.cut for block in self.text.blocks() if block.cut is not None})
        self.compare.show_text(self.text.editor.text())

    def teach(self, lesson: Lesson) -> None:
        """Answers a question with the chosen tokenizer: the text in the editor, the answer in the inspector."""
        self.text.editor.take(lesson.text)
        self.read()
        self._replay_longest([self.text.own])
        self._desk.bus.inspect.emit(lesson.explain(self.choice.tokenizer))

    def _teach_here(self, lesson: Lesson) -> None:
        self.show_view(SEE)
        self.teach(lesson)

    # One token

    def point_at(self, block: TextBlock, index: int) -> None:
        """The card and the inspector for a token; index -1 lets go."""
        if index < 0:
            self.card.hide()
            self._desk.bus.inspect.emit(None)
            return
        token = block.chip(index)
        used = (*self.corpus.of(token.token_id), ("in this text", f"{block.view.count_of(token.token_id):,}×"))
        self.card.show_at(card(self.learned, token, used), block.rect_of(index, self))
        self._inspect(block, index)

    def pick(self, block: TextBlock, index: int) -> None:
        """A click or an arrow key: the token is replayed, and the frame leaves the other texts."""
        for other in self.text.blocks():
            if other is not block:
                other.view.set_current(None)
        self.replay.show_token(self.learned, block.chip(index).token_id)
        self._inspect(block, index)

    def _inspect(self, block: TextBlock, index: int) -> None:
        self._desk.bus.inspect.emit(of_token(self.learned, block.chip(index)))

    def _point_at_compared(self, row: CompareRow, index: int) -> None:
        if index < 0 or row.side is None:
            self._desk.bus.inspect.emit(None)
        else:
            self._desk.bus.inspect.emit(of_token(row.side.chosen.learned, row.view.tokens[index]))

    # To the clipboard

    def _chosen(self) -> list[TextBlock]:
        """What is copied: the person's own text, or the examples while there is none."""
        return [self.text.own] if self.text.own.cut is not None else self.text.blocks()

    def copy_ids(self) -> None:
        cuts = [block.cut for block in self._chosen() if block.cut is not None]
        QGuiApplication.clipboard().setText("\n".join(str(list(cut.ids)) for cut in cuts))
        self._desk.bus.notice.emit("ok", f"{sum(len(cut.ids) for cut in cuts):,} ids are on the clipboard.")

    def copy_tokens(self) -> None:
        tokenizer, lines = self.choice.tokenizer, []
        for block in self._chosen():
            for token_id in block.cut.ids if block.cut is not None else ():
                shown = visible(tokenizer.token_text(token_id), tokenizer.token_bytes(token_id))
                lines.append(f"{token_id}\t{shown}")
        QGuiApplication.clipboard().setText("\n".join(lines))
        self._desk.bus.notice.emit("ok", f"{len(lines):,} tokens are on the clipboard.")
