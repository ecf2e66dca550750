"""A tokenizer that came from elsewhere: which file, and then the work watched."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Query
from app.theme.type import L, M
from app.widgets.buttons import Button
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.work_dialog import WorkDialog, row_of
from engine.errors import CutawayError
from engine.events import Progress
from engine.launch.tokenizer_opening import Opened, open_tokenizer
from engine.tokenizer.rank_file import ENCODINGS

_WORDS = (
    "A tokenizer.json as models on the Hugging Face Hub have it, a rank file of tiktoken, or a SentencePiece model. "
    "Nothing of the file is ever executed."
)
_KINDS = "Tokenizers (*.json *.tiktoken *.model *.spm)"


class OpenTokenizerDialog(WorkDialog):
    """opened(Opened): the tokenizer is in the workspace. Cancel, Escape and closing it end the work."""

    opened = Signal(object)

    def __init__(self, desk: Desk, source: str = "", parent: QWidget | None = None) -> None:
        """source: what was dropped; then the work begins at once."""
        super().__init__(desk, parent)
        self._found: Opened | None = None
        self.source = QLineEdit(source)
        self.source.setPlaceholderText("tokenizer.json")
        self.source.setAccessibleName("File or folder of the tokenizer")
        self.file_button = Button("File", icon="ph.file", tooltip="Choose a tokenizer's file")
        self.sha256 = QLineEdit()
        self.sha256.setPlaceholderText("sha256 that it must have, or nothing")
        self.sha256.setAccessibleName("Expected sha256")
        self.encoding = Combo(name="Encoding of a rank file")
        self.encoding.add("encoding by its hash", data="")
        for name in ENCODINGS:
            self.encoding.add(name, data=name)
        self.open_button = Button("Open", "primary")
        self.cancel_button = Button("Cancel")
        self.words.setText(_WORDS)
        self._build()
        self.source.textChanged.connect(lambda text: self.open_button.setEnabled(bool(text.strip())))
        self.source.returnPressed.connect(self.begin)
        self.file_button.clicked.connect(self._ask)
        self.open_button.clicked.connect(self.begin)
        self.cancel_button.clicked.connect(self.reject)
        if source:
            self.begin()

    def _build(self) -> None:
        self.setAccessibleName("Open a tokenizer")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(M)
        layout.addWidget(Label("Open a tokenizer", size=15, weight=600))
        layout.addLayout(row_of(self.source, self.file_button))
        layout.addLayout(row_of(self.sha256, self.encoding))
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        layout.addSpacing(L - M)
        row = row_of(self.cancel_button, self.open_button)
        row.insertStretch(0, 1)
        layout.addLayout(row)
        self.bar.hide()
        self.open_button.setEnabled(bool(self.source.text()))
        self._fit()

    def _ask(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Which tokenizer?", self.source.text(), _KINDS)
        if chosen:
            self.source.setText(chosen)

    def begin(self) -> None:
        source = self.source.text().strip()
        if self._ticket is not None or not source:
            return
        self._set_busy(True)
        self._say("Looking at it", "muted")
        query = _opening(source, self.sha256.text().strip(), str(self.encoding.currentData() or ""))
        self._ticket = self._desk.engine.ask(query, self._take, self._finish, self._fail)

    def _take(self, item: object) -> None:
        if isinstance(item, Opened):
            self._found = item
        elif isinstance(item, Progress):
            self.bar.set(item.done / item.total if item.total else 0.0)
            self._say(item.message, "muted")

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
        for widget in (self.source, self.file_button, self.sha256, self.encoding, self.open_button):
            widget.setEnabled(not busy)
        self.bar.set(0.0)
        self.bar.setVisible(busy)


def _opening(source: str, sha256: str, encoding: str) -> Query:
    def query(side: EngineSide) -> Iterator[object]:
        yield from open_tokenizer(side.workspace, source, expected_sha256=sha256, encoding=encoding)

    return query
