"""What the page knows of its views."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.pages.tokenizer.learned import Learned, learned
from engine.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Chosen:
    """A tokenizer with its name, what it is ("BPE, 4,096"), and its folder; None for the bytes."""

    name: str
    detail: str
    folder: Path | None
    tokenizer: Tokenizer

    @cached_property
    def learned(self) -> Learned:
        """Reckoned once: a pointer that sweeps over tokens asks for each."""
        return learned(self.tokenizer)


class View(QWidget):
    """inspected(Inspection | None): what is under the pointer."""

    inspected = Signal(object)

    def use(self, chosen: Chosen) -> None:
        """Another tokenizer was chosen in the header."""

    def shown(self) -> None:
        """The view came into sight."""

    def hidden(self) -> None:
        """It left it."""
