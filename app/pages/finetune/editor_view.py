"""Conversations of one's own: the list of them, and the chosen one being written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Query, Ticket
from app.pages.finetune.data_list import ConversationList, ConversationModel
from app.pages.finetune.data_words import counted
from app.pages.finetune.editor_model import Drafts
from app.pages.finetune.editor_panel import EditorPanel
from app.pages.finetune.editor_store import place_of, save
from app.theme.type import M
from app.widgets.buttons import Button, ToolButton
from app.widgets.panel import Panel
from engine.corpus.conversation import Conversation
from engine.errors import CutawayError

_IMPORT_SHARE = 200


class EditorView(QWidget):
    """changed(): the file holds others now. typed(): what it is to hold soon."""

    changed = Signal()
    typed = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.drafts = Drafts(self)
        self.model = ConversationModel()
        self.list = ConversationList(self.model)
        self.search = QLineEdit()
        self.editor = EditorPanel(self.drafts)
        self.new_button = Button(
            "New", small=True, icon="ph.plus", tooltip="Another conversation, below the chosen one"
        )
        self.copy_button = ToolButton("ph.copy", "Duplicate the chosen conversation")
        self.up_button = ToolButton("ph.arrow-up", "Move the chosen conversation up")
        self.down_button = ToolButton("ph.arrow-down", "Move the chosen conversation down")
        self.bin_button = ToolButton("ph.trash", "Delete the chosen conversation")
        self._opened: Path | None = None
        self._ticket: Ticket | None = None
        self._imported: list[Conversation] = []
        self._refused = 0
        self._lay_out()
        self._connect()
        self._add_actions()
        self._show()

    @property
    def path(self) -> Path:
        return place_of(self._desk.workspace)

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search in your own conversations")
        self.search.setClearButtonEnabled(True)
        self._panel = Panel("Your own", margins=(12, 12, 6, 8))
        for tool in (self.copy_button, self.up_button, self.down_button, self.bin_button):
            tool.set_color("muted")
            self._panel.add_control(tool)
        self._panel.add_control(self.new_button)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 6, 0)
        row.addWidget(self.search)
        self._panel.body.addLayout(row)
        self._panel.body.addWidget(self.list, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self._panel, 36)
        layout.addWidget(self.editor, 64)

    def _connect(self) -> None:
        self.new_button.clicked.connect(self._new)
        self.copy_button.clicked.connect(self.drafts.duplicate)
        self.up_button.clicked.connect(lambda: self.drafts.shift(-1))
        self.down_button.clicked.connect(lambda: self.drafts.shift(1))
        self.bin_button.clicked.connect(self.remove)
        self.list.deleted.connect(self.remove)
        self.list.chosen.connect(self._choose)
        self.search.textChanged.connect(lambda text: self._filter(text))
        self.drafts.changed.connect(self._show)
        self.drafts.typed.connect(self._repaint)
        self.drafts.saved.connect(self.changed)
        self.drafts.failed.connect(self._desk.bus.error)

    def _add_actions(self) -> None:
        for text, keys, do in (
            ("Undo the last change", QKeySequence.StandardKey.Undo, self.editor.undo),
            ("Redo the change", QKeySequence.StandardKey.Redo, self.editor.redo),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)

    def open(self) -> None:
        """Reads what was saved in this workspace, once."""
        if self._opened == self.path:
            return
        try:
            broken = self.drafts.open(self.path)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        self._opened = self.path
        if broken is not None:
            self._desk.bus.notice.emit("warning", f"Lines that are no conversations were put aside: {broken.name}.")

    def close(self) -> None:  # type: ignore[override]
        """Saves what is not saved, and lets go."""
        self.drafts.flush()
        self._opened = None

    def remove(self) -> None:
        """Deletes the chosen conversation; a notice offers it back."""
        if self.drafts.current is not None:
            self.drafts.remove()
            self._desk.bus.undo.emit("The conversation is deleted.", self._take_back)

    def ask_import(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Which conversations are to be added?", "")
        if chosen:
            self.take_in([Path(name) for name in chosen])

    def take_in(self, paths: list[Path]) -> None:
        """Adds what these files hold, read on the engine thread."""
        self._imported, self._refused = [], 0
        self._ticket = self._desk.engine.ask(_importing(paths), self._collect, self._end_import)

    def ask_export(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Where to?", "conversations.jsonl", "OpenAI messages (*.jsonl)")
        if chosen:
            self.export(Path(chosen))

    def export(self, path: Path) -> None:
        """Writes all that are complete as OpenAI messages."""
        pairs = zip(self.drafts.conversations, self.drafts.sound, strict=True)
        complete = [conversation for conversation, sound in pairs if sound]
        try:
            save(path, complete)
        except CutawayError as error:
            self._desk.bus.error.emit(error)
            return
        left = len(self.drafts.conversations) - len(complete)
        rest = f" Not complete, and not among them: {left:,}." if left else ""
        self._desk.bus.notice.emit("ok", f"{path.name} holds {counted(len(complete), 'conversation')}.{rest}")

    def _collect(self, item: object) -> None:
        conversations, refused = item  # type: ignore[misc]
        self._imported += conversations
        self._refused += refused

    def _end_import(self) -> None:
        self._ticket = None
        taken = self.drafts.take_in(self._imported)
        words = f"Added: {counted(taken, 'conversation')}."
        if len(self._imported) > taken:
            words += f" There was no room for {len(self._imported) - taken:,} more: use them as files instead."
        if self._refused:
            words += f" Not taken: {counted(self._refused, 'row')}; choose the file under Files to see which and why."
        self._desk.bus.notice.emit("ok" if taken and not self._refused else "warning", words)

    def _new(self) -> None:
        self.search.clear()
        self.drafts.add()
        self.editor.begin()

    def _take_back(self) -> None:
        self.drafts.undo()

    def _choose(self, position: int) -> None:
        if position != self.drafts.chosen:
            self.drafts.choose(position)
            self.editor.show_chosen()
            self._set_tools()

    def _filter(self, text: str) -> None:
        self.model.filter(text, "")
        self.list.choose(self.drafts.chosen)

    def _show(self) -> None:
        self.model.show(self.drafts.conversations, self.drafts.sound)
        blocked = self.list.blockSignals(True)
        self.list.choose(self.drafts.chosen)
        self.list.blockSignals(blocked)
        self._set_tools()
        self.typed.emit()

    def _set_tools(self) -> None:
        total, chosen = len(self.drafts.conversations), self.drafts.chosen
        self._panel.set_subtitle(f"{total:,}" if total else "")
        self.search.setVisible(total > 5)
        self._panel.setVisible(total > 0)
        for tool in (self.copy_button, self.bin_button):
            tool.setEnabled(chosen >= 0)
        self.up_button.setEnabled(chosen > 0)
        self.down_button.setEnabled(0 <= chosen < total - 1)

    def _repaint(self) -> None:
        """While typing only the row and its mark change."""
        self.model.update(self.drafts.chosen, self.drafts.conversations, self.drafts.sound)
        self.typed.emit()


def _importing(paths: list[Path]) -> Query:
    """Yields ([conversations], rejected rows) by the hundred."""

    def query(_: EngineSide) -> Iterator[object]:
        from engine.corpus.conversations.reading import read_conversations

        kept: list[Conversation] = []
        refused = 0
        for item in read_conversations(paths, "auto"):
            if isinstance(item, Conversation):
                kept.append(item)
            else:
                refused += 1
            if len(kept) >= _IMPORT_SHARE:
                yield kept, refused
                kept, refused = [], 0
        yield kept, refused

    return query
