"""The second view: the exact tokens of a conversation, which of them are trained, and the template that wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.pages.finetune.data_reading import Look
from app.pages.finetune.mask_counts import MaskCounts
from app.pages.finetune.mask_inspections import of_token
from app.pages.finetune.mask_packing import PackingPanel
from app.pages.finetune.mask_panel import MaskPanel
from app.pages.finetune.mask_shown import Masked
from app.pages.finetune.template_query import (
    Counted,
    Opened,
    Packing,
    counting,
    masking,
    opening,
    reading_train,
)
from app.pages.finetune.template_source import TemplateSource
from app.theme.type import M
from app.widgets.empty_state import EmptyState
from engine.corpus.conversation import Conversation
from engine.errors import CutawayError

_LOW, _HIGH, _OPEN = 196, 236, 0.62
_NO_BASE = "Choose a model to tune, and its template and tokens stand here."
_NO_DATA = "There are no conversations to show yet. Choose some under Data."


class TemplateView(QWidget):
    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._key: object = None
        self._base: Path | None = None
        self._tickets: dict[str, Ticket] = {}
        self._too_long = "truncate"
        self.opened: Opened | None = None
        self.conversations: tuple[Conversation, ...] = ()
        self.position = self.total = 0
        self.masked: Masked | None = None
        self.counted = Counted()
        self.mask = MaskPanel()
        self.counts = MaskCounts()
        self.source = TemplateSource()
        self.packing = PackingPanel()
        self.empty = EmptyState("ph.brackets-curly", _NO_BASE, primary=False)
        self._pages = QStackedWidget(self)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self._bottom = QWidget()
        bottom = QHBoxLayout(self._bottom)
        bottom.setContentsMargins(0, 0, 0, 0)
        bottom.setSpacing(M)
        bottom.addWidget(self.source, 1)
        bottom.addWidget(self.packing, 1)
        left = QVBoxLayout()
        left.setSpacing(M)
        left.addWidget(self.mask, 1)
        left.addWidget(self._bottom)
        full = QWidget()
        row = QHBoxLayout(full)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(M)
        row.addLayout(left, 1)
        row.addWidget(self.counts)
        self._pages.addWidget(full)
        self._pages.addWidget(self.empty)
        self._pages.setCurrentWidget(self.empty)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)

    def _connect(self) -> None:
        self.mask.stepped.connect(lambda by: self.show_conversation(self.position + by))
        self.mask.hovered.connect(self.point_at)
        self.mask.clicked.connect(self.pick)
        self.packing.hovered.connect(self._point_at_piece)
        self.packing.clicked.connect(self.show_conversation)
        self.source.unfolded.connect(self._unfold)
        for keys, by in (("Alt+Left", -1), ("Alt+Right", 1)):
            QShortcut(QKeySequence(keys), self).activated.connect(
                lambda by=by: self.show_conversation(self.position + by)
            )

    # What the page asks

    def show_source(
        self,
        base: Path | None,
        conversations_table: Mapping[str, Any],
        *,
        context_length: int | None = None,
        too_long: str = "truncate",
    ) -> None:
        """base: the model that is to be tuned. conversations_table: [conversations] of the recipe. context_length: of
        the training, when it is not the model's own; too_long: its rule, "truncate" or "drop". Nothing is read anew
        when nothing changed."""
        self._too_long = too_long
        key = (base, repr(dict(conversations_table)), context_length, _touched(conversations_table))
        if key == self._key:
            return
        self._forget()
        self._key, self._base = key, base
        if base is None:
            self._say_empty(_NO_BASE)
            return
        self._ask("open", opening(base, context_length), lambda item: self._take_opened(item, conversations_table))

    def rehearse(self, state: str) -> None:
        """For previews, where no model was really trained: the newest tokenizer, a context of 256, the newest world."""
        from app.pages.finetune.data_reading import worlds_of
        from app.pages.finetune.template_query import opened
        from engine.tokenizer.tokenizer import load_tokenizer

        workspace = self._desk.workspace
        tokenizers, worlds = workspace.artifacts("tokenizer"), worlds_of(workspace)
        if state == "empty" or not tokenizers or not worlds:
            return
        table = {"source": "world", "corpus": worlds[0].relative_to(workspace.root).as_posix()}
        self._forget()
        self._take_opened(opened(load_tokenizer(tokenizers[0].folder), None, "first-words", 256), table)

    # The conversations

    @property
    def _steps(self) -> tuple[int, int]:
        """How many one can step through, and how many there are."""
        return len(self.conversations), self.total

    def show_conversation(self, position: int) -> None:
        """Any position is taken; one beyond the ends changes nothing."""
        if not 0 <= position < len(self.conversations) or self.opened is None:
            return
        self.position = position
        self._ask("mask", masking(self.opened, self.conversations[position]), self._take_masked, self._fail_masked)

    def _take_opened(self, item: object, table: Mapping[str, Any]) -> None:
        assert isinstance(item, Opened)
        self.opened = item
        self.source.show_opened(item)
        self._ask("read", reading_train(table, self._base), self._take_look)

    def _take_look(self, item: object) -> None:
        if not isinstance(item, Look) or self.opened is None:
            return
        self.conversations, self.total = item.train, item.count("train")
        if not self.conversations:
            self._say_empty(_NO_DATA)
            return
        self._pages.setCurrentIndex(0)
        self.show_conversation(min(self.position, len(self.conversations) - 1))
        self._ask("count", counting(self.opened, self.conversations), self._take_counted)

    def _take_masked(self, item: object) -> None:
        assert isinstance(item, Masked) and self.opened is not None
        self.masked = item
        self.source.say("")
        self.mask.show_masked(self.opened.tokenizer, item, self.position, self._steps)
        self.counts.show_masked(item)
        self.packing.rows.set_current(self.position)
        self._desk.bus.inspect.emit(None)

    def _fail_masked(self, error: CutawayError) -> None:
        """The template did not take this one: its words stand beside the template, and the others can be stepped to."""
        assert self.opened is not None
        self.masked = None
        self.mask.show_masked(self.opened.tokenizer, None, self.position, self._steps)
        self.counts.show_masked(None)
        self.mask.say_refused(f"{error.what} {error.why} {error.remedy}")
        self.source.say(error.why)

    def _take_counted(self, item: object) -> None:
        assert self.opened is not None
        if isinstance(item, Counted):
            self.counted = item
            self.counts.show_counted(item, self.total, self.opened.context, self._too_long)
        elif isinstance(item, Packing):
            self.packing.show_packing(item, self.opened.context)

    # One token

    def point_at(self, index: int) -> None:
        """The inspector for a token under the pointer; -1 lets go."""
        if index < 0 or self.masked is None or self.opened is None:
            self._desk.bus.inspect.emit(None)
            return
        self._desk.bus.inspect.emit(of_token(self.opened.tokenizer, self.masked, index))

    def pick(self, index: int) -> None:
        """A click or an arrow key: the frame leaves the other turns."""
        self.mask.set_current(index)
        self.point_at(index)

    def _point_at_piece(self, number: int) -> None:
        if number < 0 or number >= len(self.counted.lengths):
            self._desk.bus.inspect.emit(None)
            return
        tokens, trained = self.counted.lengths[number], self.counted.trained[number]
        self._desk.bus.inspect.emit(self.packing.inspection(number, tokens, trained))

    # Asking

    def _ask(self, name: str, query: Any, on_item: Any, on_error: Any = None) -> None:
        """One question of each kind at a time: a newer one takes the place of the older."""
        old = self._tickets.pop(name, None)
        if old is not None:
            old.cancel()
        self._tickets[name] = self._desk.engine.ask(query, on_item, None, on_error or self._fail)

    def _fail(self, error: CutawayError) -> None:
        self._say_empty(f"{error.what} {error.why} {error.remedy}")

    def _forget(self) -> None:
        for ticket in self._tickets.values():
            ticket.cancel()
        self._tickets = {}
        self.opened, self.masked, self.conversations, self.position = None, None, (), 0
        self.counted = Counted()
        self.packing.show_packing(None, 0)
        self.source.show_opened(None)
        self.source.say("")

    def _say_empty(self, sentence: str) -> None:
        self.empty.set_sentence(sentence)
        self._pages.setCurrentWidget(self.empty)

    def _unfold(self, open_: bool) -> None:
        """The whole template takes the place of the packing as well."""
        self.packing.setVisible(not open_)
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        high = round(self.height() * _OPEN) if self.source.fold_button.isChecked() else _HIGH
        self._bottom.setFixedHeight(high if self.height() > 640 else min(high, max(_LOW, round(self.height() * 0.3))))


def _touched(table: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """When each file was written last: the editor writes its own again and again."""
    paths = [Path(str(path)) for path in table.get("paths", ())]
    return tuple((str(path), path.stat().st_mtime_ns) for path in paths if path.is_file())
