"""Conversations of one's own while they are edited: every change can be taken back, and is saved soon after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.pages.finetune.editor_store import load, save
from app.pages.finetune.editor_turns import EMPTY
from engine.corpus.conversation import Conversation
from engine.corpus.conversations.checking import problem_of
from engine.errors import CutawayError

MOST = 5_000
_SAVE_MS = 400
_PAUSE_SECONDS = 1.2
_MOST_STEPS = 200


@dataclass(frozen=True)
class _Step:
    """How it was before a change. did: what the change was, in words."""

    conversations: tuple[Conversation, ...]
    chosen: int
    did: str


class Drafts(QObject):
    """chosen: position of the conversation in the editor, -1 for none.

    sound: for each, whether it can be trained on.

    changed(): others, or in another order, or one of them has other turns. typed(): only the text of a turn changed.
    saved(): the file holds them as they are now.
    failed(CutawayError): they could not be saved; what is on the disk is what was saved before.
    """

    changed = Signal()
    typed = Signal()
    saved = Signal()
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.conversations: tuple[Conversation, ...] = ()
        self.sound: tuple[bool, ...] = ()
        self.chosen = -1
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._typing: tuple[object, float] = (None, 0.0)
        self._unsaved = False
        self._saving = QTimer(self, singleShot=True, interval=_SAVE_MS)
        self._saving.timeout.connect(lambda: self.flush(durable=False))

    @property
    def current(self) -> Conversation | None:
        return self.conversations[self.chosen] if 0 <= self.chosen < len(self.conversations) else None

    @property
    def undo_words(self) -> str:
        """What would be taken back; "" for nothing."""
        return self._undo[-1].did if self._undo else ""

    @property
    def redo_words(self) -> str:
        return self._redo[-1].did if self._redo else ""

    def open(self, path: Path) -> Path | None:
        """Reads what was saved; gives the copy of a damaged file. Raises CutawayError, and keeps what it had."""
        stored = load(path)
        self.path = path
        self._keep(stored.conversations)
        self.chosen = 0 if self.conversations else -1
        self._undo, self._redo, self._unsaved = [], [], False
        self.changed.emit()
        return stored.broken

    def complete(self) -> int:
        """How many of them can be trained on."""
        return sum(self.sound)

    def choose(self, position: int) -> None:
        self.chosen = position if 0 <= position < len(self.conversations) else -1
        self._typing = (None, 0.0)

    def add(self) -> None:
        """An empty one behind the chosen one."""
        self._insert([EMPTY], "the new conversation")

    def duplicate(self) -> None:
        if self.current is not None:
            self._insert([self.current], "the copy")

    def take_in(self, conversations: Sequence[Conversation]) -> int:
        """Adds conversations of a file at the end; gives how many found room."""
        room = max(MOST - len(self.conversations), 0)
        taken = list(conversations[:room])
        if taken:
            self.chosen = len(self.conversations) - 1
            self._insert(taken, "the import")
        return len(taken)

    def remove(self) -> None:
        if self.current is None:
            return
        rest = self.conversations[: self.chosen] + self.conversations[self.chosen + 1 :]
        self._remember("the deletion")
        self._set(rest, min(self.chosen, len(rest) - 1))

    def shift(self, by: int) -> None:
        """The chosen conversation goes so many places down."""
        target = self.chosen + by
        if self.current is None or not 0 <= target < len(self.conversations):
            return
        rest = list(self.conversations)
        rest.insert(target, rest.pop(self.chosen))
        self._remember("the move")
        self._set(tuple(rest), target)

    def change(self, conversation: Conversation, did: str, *, typing: object = None) -> None:
        """Puts another in the place of the chosen one. typing: the same for keystrokes that are taken back together."""
        if self.current is None or conversation == self.current:
            return
        now = time.monotonic()
        goes_on = typing is not None and self._typing[0] == typing and now - self._typing[1] < _PAUSE_SECONDS
        if not goes_on:
            self._remember(did)
        self._redo = []
        self._typing = (typing, now)
        changed = list(self.conversations)
        changed[self.chosen] = replace(conversation, source="")
        self._keep(tuple(changed))
        self._save_soon()
        (self.typed if typing is not None else self.changed).emit()

    def undo(self) -> str:
        """Takes the last change back; gives its words, "" when there was none."""
        return self._exchange(self._undo, self._redo)

    def redo(self) -> str:
        return self._exchange(self._redo, self._undo)

    def flush(self, *, durable: bool = True) -> None:
        """Saves now what is not saved yet."""
        self._saving.stop()
        if not self._unsaved or self.path is None:
            return
        try:
            save(self.path, self.conversations, durable=durable)
        except CutawayError as error:
            self.failed.emit(error)
            return
        self._unsaved = False
        self.saved.emit()

    def _keep(self, conversations: tuple[Conversation, ...]) -> None:
        """Only what is new is judged: there may be thousands."""
        known = {id(one): sound for one, sound in zip(self.conversations, self.sound, strict=True)}
        self.sound = tuple(known[id(one)] if id(one) in known else problem_of(one) is None for one in conversations)
        self.conversations = conversations

    def _insert(self, conversations: Sequence[Conversation], did: str) -> None:
        at = self.chosen + 1
        self._remember(did)
        self._set((*self.conversations[:at], *conversations, *self.conversations[at:]), at)

    def _remember(self, did: str) -> None:
        self._undo.append(_Step(self.conversations, self.chosen, did))
        del self._undo[:-_MOST_STEPS]
        self._redo = []
        self._typing = (None, 0.0)

    def _exchange(self, source: list[_Step], target: list[_Step]) -> str:
        if not source:
            return ""
        step = source.pop()
        target.append(_Step(self.conversations, self.chosen, step.did))
        self._typing = (None, 0.0)
        self._set(step.conversations, step.chosen)
        return step.did

    def _set(self, conversations: tuple[Conversation, ...], chosen: int) -> None:
        self._keep(conversations)
        self.chosen = chosen
        self._save_soon()
        self.changed.emit()

    def _save_soon(self) -> None:
        self._unsaved = True
        self._saving.start()
