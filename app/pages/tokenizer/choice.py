"""Which tokenizer cuts: those of the workspace, and the bytes, which need no run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.pages.tokenizer.view import Chosen
from app.widgets.combo import DETAIL, Combo
from engine.errors import CutawayError
from engine.store.artifact import Artifact
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import Tokenizer, load_tokenizer

_KEY = re.compile("-[0-9a-f]{10}$")
_NAMES = {"bpe": "BPE", "unigram": "Unigram", "byte": "bytes", "character": "characters"}


class TokenizerChoice(Combo):
    """chosen(tokenizer). failed(CutawayError): it could not be read, and the bytes stand in."""

    chosen = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(name="Tokenizer", parent=parent)
        self._known: list[Path] = []
        self._by_hand = False
        self.tokenizer: Tokenizer = ByteTokenizer()
        self.add("bytes", "257", None)
        self.activated.connect(self._on_activated)

    def offer(self, artifacts: Sequence[Artifact]) -> None:
        """The tokenizers there are, newest first. What a person chose stays chosen as long as it exists; without a
        choice the newest is shown."""
        folders = [artifact.folder for artifact in artifacts]
        if folders == self._known:
            return
        before, self._known = self.currentData(), folders
        blocked = self.blockSignals(True)
        self.clear()
        for artifact in artifacts:
            self.add(artifact_name(artifact), artifact_detail(artifact), artifact.folder)
        self.add("bytes", "257", None)
        keep = self._by_hand and (before is None or before in folders)
        self.setCurrentIndex([*folders, None].index(before) if keep else 0)
        self.blockSignals(blocked)
        self._by_hand = keep
        if self.currentData() != before:
            self._load()

    def chosen_now(self) -> Chosen:
        """The tokenizer that cuts, with its name."""
        row = self.currentIndex()
        return Chosen(self.currentText(), str(self.itemData(row, DETAIL) or ""), self.currentData(), self.tokenizer)

    def choose_folder(self, folder: Path | None) -> None:
        """As if a person had picked it."""
        for index in range(self.count()):
            if self.itemData(index) == folder:
                self.setCurrentIndex(index)
                self._on_activated(index)

    def _on_activated(self, index: int) -> None:
        self._by_hand = True
        self._load()

    def _load(self) -> None:
        folder = self.currentData()
        try:
            self.tokenizer = load_tokenizer(folder) if folder is not None else ByteTokenizer()
        except CutawayError as error:
            self.setCurrentIndex(self.count() - 1)
            self.tokenizer = ByteTokenizer()
            self.failed.emit(error)
        self.chosen.emit(self.tokenizer)


def artifact_name(artifact: Artifact) -> str:
    return _KEY.sub("", artifact.folder.name)


def artifact_detail(artifact: Artifact) -> str:
    figures = artifact.manifest.figures
    kind = str(figures.get("kind", ""))
    return f"{_NAMES.get(kind, kind)}, {int(figures.get('vocab_size', 0)):,}"
