"""Where the conversations come from, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.finetune.data_band import Band, Share
from app.pages.finetune.data_columns import Columns
from app.theme.type import XL, M, S
from app.widgets.bar import Bar
from app.widgets.buttons import Button
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.readout import Readout
from app.widgets.segments import Segments

WORLD, FILES, OWN = range(3)
FORMATS = {
    "auto": "found by itself",
    "messages": "OpenAI messages",
    "sharegpt": "ShareGPT",
    "alpaca": "Alpaca",
    "columns": "question and answer columns",
    "labelled": "labelled text",
    "world": "world",
}


class SourcePanel(Panel):
    """source_chosen(WORLD | FILES | OWN); world_chosen(folder), format_chosen(name); asked for by the buttons: files,
    import, export; band(kind): a part of the band was clicked."""

    source_chosen = Signal(int)
    world_chosen = Signal(object)
    format_chosen = Signal(str)
    files_wanted = Signal()
    import_wanted = Signal()
    export_wanted = Signal()
    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Conversations", margins=(16, 12, 16, 10), parent=parent)
        self.sources = Segments(("The world", "Files", "Your own"), small=True)
        self.worlds = Combo(small=True, prefix="world", name="Which world")
        self.format = Combo(small=True, prefix="format", name="Format of the files")
        for name, words in FORMATS.items():
            if name != "world":
                self.format.add(words, data=name)
        self.files_button = Button("Choose files", small=True, icon="ph.folder-open")
        self.import_button = Button("Import", small=True, icon="ph.download-simple")
        self.export_button = Button("Export", small=True, icon="ph.upload-simple")
        self.words = Label(wrap=True)
        self.reason = Label(role="muted", size=11, wrap=True)
        self.columns = Columns()
        self.columns.hide()
        self.total = Readout("conversations", "0", size=28)
        self.band = Band()
        self.progress = Bar(width=120)
        self.progress.hide()
        self._lay_out()
        self._connect()
        self.show_source(WORLD)

    def _lay_out(self) -> None:
        self.add_left(self.sources)
        for widget in (
            self.progress,
            self.worlds,
            self.format,
            self.files_button,
            self.import_button,
            self.export_button,
        ):
            self.add_control(widget)
        told = QVBoxLayout()
        told.setSpacing(2)
        told.addWidget(self.words)
        told.addWidget(self.reason)
        told.addWidget(self.columns)
        row = QHBoxLayout()
        row.setSpacing(XL)
        row.addWidget(self.total, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.band, 1, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(told)
        self.body.addSpacing(S)
        self.body.addLayout(row)
        self.body.setSpacing(M - 4)

    def _connect(self) -> None:
        self.sources.changed.connect(self._choose)
        self.worlds.activated.connect(lambda _: self.world_chosen.emit(self.worlds.currentData()))
        self.format.activated.connect(lambda _: self._choose_format())
        self.files_button.clicked.connect(self.files_wanted)
        self.import_button.clicked.connect(self.import_wanted)
        self.export_button.clicked.connect(self.export_wanted)
        self.band.clicked.connect(self.picked)

    def _choose(self, source: int) -> None:
        self.show_source(source)
        self.source_chosen.emit(source)

    def _is_by_columns(self) -> bool:
        return self.format.currentData() in ("columns", "labelled")

    def _choose_format(self) -> None:
        self.columns.offer(self._is_by_columns() or self.columns.chosen() != {})
        self.format_chosen.emit(str(self.format.currentData()))

    def show_source(self, source: int) -> None:
        """Does not emit `source_chosen`."""
        self.sources.set_current(source)
        self.sources.show()
        self.worlds.setVisible(source == WORLD and self.worlds.count() > 1)
        self.format.setVisible(source == FILES)
        self.columns.offer(source == FILES and (self._is_by_columns() or self.columns.chosen() != {}))
        self.files_button.setVisible(source == FILES)
        self.import_button.setVisible(source == OWN)
        self.export_button.setVisible(source == OWN)

    def show_told(self) -> None:
        """Of a run: nothing can be chosen."""
        for widget in (self.sources, self.worlds, self.format, self.columns):
            widget.hide()
        for button in (self.files_button, self.import_button, self.export_button):
            button.hide()

    def say(self, words: str, reason: str = "", *, role: str = "text") -> None:
        self.words.setText(words)
        self.words.set_role(role)
        self.words.setVisible(bool(words))
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))

    def show_shares(self, kept: int, shares: Sequence[Share]) -> None:
        """kept: conversations to train on and to measure with."""
        self.total.set_value(f"{kept:,}")
        self.total.set_label("conversation" if kept == 1 else "conversations")
        self.band.show_shares(shares)

    def set_busy(self, share: float | None) -> None:
        """share: how far the reading is; None when nothing is being read."""
        self.progress.setVisible(share is not None)
        self.progress.set(share or 0.0)
