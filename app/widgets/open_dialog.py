"""A model that came from elsewhere: which one, and then the work watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Query
from app.jobs.run_summary import size_words
from app.theme.type import L, M
from app.widgets.buttons import Button
from app.widgets.label import Label
from app.widgets.work_dialog import WorkDialog, row_of
from engine.errors import CutawayError
from engine.events import Progress
from engine.launch.opening import Opened, open_model
from engine.launch.tokenizer_opening import is_tokenizer

_WORDS = (
    "A folder with config.json and model.safetensors, a bundle, a .gguf file, or a name on the Hugging Face Hub. "
    "GPT-2, Llama, Mistral, Qwen 2 and 3, Gemma 2 and 3 and OLMo 2 are known. Nothing but safetensors and GGUF is read."
)


def dropped_model(data: QMimeData) -> Path | None:
    """A model among what is dragged: a .gguf or .safetensors file, a folder with a config.json, or a bundle."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return next((path for path in paths if _is_model(path)), None)


def dropped_tokenizer(data: QMimeData) -> Path | None:
    """A tokenizer's file, or a folder with one and no model, among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return next((path for path in paths if is_tokenizer(path)), None)


def _is_model(path: Path) -> bool:
    return path.suffix.lower() in (".gguf", ".safetensors") or any(
        (path / name).is_file() for name in ("config.json", "SHA256SUMS")
    )


class OpenDialog(WorkDialog):
    """opened(Opened): the model is in the workspace. Cancel, Escape and closing it end the work."""

    opened = Signal(object)

    def __init__(self, desk: Desk, source: str = "", parent: QWidget | None = None) -> None:
        """source: what was dropped; then the work begins at once."""
        super().__init__(desk, parent)
        self._found: Opened | None = None
        self.source = QLineEdit(source)
        self.source.setPlaceholderText("HuggingFaceTB/SmolLM2-135M")
        self.source.setAccessibleName("Folder, file or name on the Hub")
        self.folder_button = Button("Folder", icon="ph.folder-open", tooltip="Choose a model's folder")
        self.file_button = Button("File", icon="ph.file", tooltip="Choose a .gguf file")
        self.open_button = Button("Open", "primary")
        self.cancel_button = Button("Cancel")
        self.words.setText(_WORDS)
        self._build()
        self.source.textChanged.connect(lambda text: self.open_button.setEnabled(bool(text.strip())))
        self.source.returnPressed.connect(self.begin)
        self.folder_button.clicked.connect(self._ask_folder)
        self.file_button.clicked.connect(self._ask_file)
        self.open_button.clicked.connect(self.begin)
        self.cancel_button.clicked.connect(self.reject)
        if source:
            self.begin()

    def _build(self) -> None:
        self.setAccessibleName("Open a model")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(M)
        layout.addWidget(Label("Open a model", size=15, weight=600))
        layout.addLayout(row_of(self.source, self.folder_button, self.file_button))
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        layout.addSpacing(L - M)
        row = row_of(self.cancel_button, self.open_button)
        row.insertStretch(0, 1)
        layout.addLayout(row)
        self.bar.hide()
        self.open_button.setEnabled(bool(self.source.text()))
        self._fit()

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Which model?", self.source.text())
        if chosen:
            self.source.setText(chosen)

    def _ask_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Which model?", self.source.text(), "Models (*.gguf *.safetensors)"
        )
        if chosen:
            self.source.setText(chosen)

    def begin(self) -> None:
        source = self.source.text().strip()
        if self._ticket is not None or not source:
            return
        self._set_busy(True)
        self._say("Looking at it", "muted")
        self._ticket = self._desk.engine.ask(_query(source), self._take, self._finish, self._fail)

    def _take(self, item: object) -> None:
        if isinstance(item, Opened):
            self._found = item
        elif isinstance(item, Progress):
            self.bar.set(item.done / item.total if item.total else 0.0)
            self._say(_told(item), "muted")

    def _finish(self) -> None:
        self._ticket = None
        if self._found is not None:
            self.opened.emit(self._found)
            self.accept()

    def _fail(self, error: CutawayError) -> None:
        self._ticket = None
        self._set_busy(False)
        self._say(str(error), "danger")

    def _set_busy(self, busy: bool) -> None:
        for widget in (self.source, self.folder_button, self.file_button, self.open_button):
            widget.setEnabled(not busy)
        self.bar.set(0.0)
        self.bar.setVisible(busy)


def _told(item: Progress) -> str:
    if item.unit == "bytes":
        total = f" of {size_words(item.total)}" if item.total else ""
        return f"{size_words(item.done)}{total} downloaded"
    if item.unit == "weights":
        return f"{item.message}: {item.done / 1e6:,.1f} of {item.total / 1e6:,.1f} million weights"
    return f"{item.message} its files"


def _query(source: str) -> Query:
    def query(side: EngineSide) -> Iterator[object]:
        yield from open_model(side.workspace, source)

    return query
