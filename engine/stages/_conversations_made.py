"""What the stage makes conversations of, whether that is a world or files."""

from __future__ import annotations

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.sorting import Counts, Sorter
from engine.events import Event

if TYPE_CHECKING:
    from engine.stages.conversations import Config

_TELL_SECONDS = 0.05


class Pace:
    """Whether it is time to tell again how far one is."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def due(self, *, last: bool = False) -> bool:
        if not last and time.monotonic() - self._told < _TELL_SECONDS:
            return False
        self._told = time.monotonic()
        return True


@dataclass
class Material(ABC):
    """parents: what the artifact is made from, by hash. divided: whether it is known already what is held out.
    bytes: about how much will be written."""

    config: Config
    parents: dict[str, str]
    source: str
    bytes: int
    divided: bool
    licence: str = "unknown"

    @abstractmethod
    def fill(self, sorter: Sorter) -> Iterator[Event]: ...

    @abstractmethod
    def check(self, counts: Counts) -> None:
        """Raises CutawayError when nothing can be made of what was sorted."""

    @abstractmethod
    def facts(self, counts: Counts) -> dict[str, Any]: ...

    def with_system(self, conversation: Conversation) -> Conversation:
        """One that has a system's turn of its own keeps it."""
        if not self.config.system.strip() or conversation.messages[0].role == "system":
            return conversation
        system = Message("system", self.config.system)
        return dataclasses.replace(conversation, messages=(system, *conversation.messages))
