"""The vocabulary: find a token, see how often it is used, and read every place where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.pages.tokenizer.browse_query import Vocabulary, placing, reading, searching
from app.pages.tokenizer.browse_table import TokenTable, name_of
from app.pages.tokenizer.browse_words import DOUBTS, Doubt, doubtful, inspection, sentence
from app.pages.tokenizer.learned import Learned, learned
from app.pages.tokenizer.places_list import PlacesList
from app.pages.tokenizer.view import Chosen, View
from app.pages.tokenizer.zipf_chart import ZipfChart
from app.theme.type import M, S
from app.widgets.buttons import ToolButton
from app.widgets.combo import Combo
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from engine.errors import CutawayError
from engine.events import Progress
from engine.tokenizer.browse import Entry

_TYPING_MS = 150
_EVERY_SCRIPT = "every script"


class BrowseView(View):
    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chosen: Chosen | None = None
        self._learned: Learned | None = None
        self.vocabulary: Vocabulary | None = None
        self._found: Sequence[Entry] | None = None
        self._reading: Ticket | None = None
        self._searching: Ticket | None = None
        self._placing: Ticket | None = None
        self._entry: Entry | None = None
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search text or id")
        self.search.setAccessibleName("Search the vocabulary")
        self.search.setClearButtonEnabled(True)
        self.regex = ToolButton("ph.asterisk", "Search with a regular expression", size=30, checkable=True)
        self.script = Combo(name="Script")
        self.doubts = Segments([doubt.value for doubt in DOUBTS], small=True)
        self.words = Label("", "muted", 11, wrap=True)
        self.table = TokenTable()
        self.zipf = ZipfChart()
        self.places = PlacesList()
        self.places_words = Label("", "muted", wrap=True)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.panel = Panel("Vocabulary", margins=(16, 12, 8, 8))
        self.panel.add_control(self.doubts)
        row = QHBoxLayout()
        row.setSpacing(S)
        row.setContentsMargins(0, 0, 8, 0)
        row.addWidget(self.search, 1)
        row.addWidget(self.regex)
        row.addWidget(self.script)
        self.panel.body.addLayout(row)
        self.panel.body.addWidget(self.words)
        self.panel.body.addWidget(self.table, 1)
        self.frequency = Panel("How often", margins=(16, 12, 16, 8))
        self.frequency.body.addWidget(self.zipf, 1)
        self.frequency.setFixedHeight(230)
        self.places_panel = Panel("In the corpus", margins=(16, 12, 8, 12))
        self.places_panel.body.addWidget(self.places_words)
        self.places_panel.body.addWidget(self.places, 1)
        right = QVBoxLayout()
        right.setSpacing(M)
        right.addWidget(self.frequency)
        right.addWidget(self.places_panel, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.panel, 11)
        layout.addLayout(right, 9)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self.look)
        self.regex.toggled.connect(lambda _: self.look())
        self.script.activated.connect(lambda _: self._show_rows())
        self.doubts.changed.connect(lambda _: self._show_rows())
        self.table.picked.connect(self._pick)

    # What the page tells

    def use(self, chosen: Chosen) -> None:
        self._chosen = chosen
        if self.isVisible():
            self._read()

    def shown(self) -> None:
        self._read()

    def hidden(self) -> None:
        for ticket in (self._reading, self._searching, self._placing):
            if ticket is not None:
                ticket.cancel()
        self._reading = self._searching = self._placing = None

    # Reading

    def _read(self) -> None:
        """Again only for another tokenizer, or once it was counted in a corpus."""
        if self._chosen is None:
            return
        same = self.vocabulary is not None and self.vocabulary.tokenizer.hash == self._chosen.tokenizer.hash
        if same and self.vocabulary is not None and self.vocabulary.counted is not None:
            return
        if self._reading is not None:
            self._reading.cancel()
        self.panel.set_subtitle("is being read")
        self._reading = self._desk.engine.ask(
            reading(self._chosen.tokenizer), self._take, self._read_all, self._fail_reading
        )

    def _take(self, item: object) -> None:
        if isinstance(item, Vocabulary):
            self._show_vocabulary(item)
        elif isinstance(item, Progress) and item.total:
            self.panel.set_subtitle(f"counting {item.done:,} of {item.total:,} tokens")

    def _read_all(self) -> None:
        self._reading = None

    def _fail_reading(self, error: CutawayError) -> None:
        self._reading = None
        self.panel.set_subtitle("")
        self._desk.bus.error.emit(error)

    def _show_vocabulary(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self._found, self._entry = vocabulary, None, None
        self._learned = learned(vocabulary.tokenizer)
        counts = [entry.count or 0 for entry in vocabulary.entries]
        self.table.tokens.most = max(counts, default=1)
        self.zipf.show_counts(counts)
        counted = vocabulary.counted is not None
        told = f"in {vocabulary.tokens:,} tokens" if counted else "no corpus was cut by this tokenizer"
        self.frequency.set_subtitle(told)
        for place, doubt in enumerate(DOUBTS):
            self.doubts.set_enabled(place, counted or doubt in (Doubt.ALL, Doubt.LOST))
        self.script.clear()
        self.script.add(_EVERY_SCRIPT)
        for script in sorted({entry.script for entry in vocabulary.entries if entry.script}):
            self.script.add(script)
        if self.search.text():
            self.look()
        else:
            self._show_rows()

    # Finding

    def look(self) -> None:
        """Finds what stands in the search field, on the engine thread."""
        self._typing.stop()
        if self._searching is not None:
            self._searching.cancel()
            self._searching = None
        wanted = self.search.text()
        if self.vocabulary is None or not wanted:
            self._found = None
            self._show_rows()
            return
        query = searching(self.vocabulary.entries, wanted, self.regex.isChecked())
        self._searching = self._desk.engine.ask(query, self._take_found, None, self._fail_search)

    def _take_found(self, item: object) -> None:
        if isinstance(item, list):
            self._found = item
            self._show_rows()

    def _fail_search(self, error: CutawayError) -> None:
        self._searching = None
        self.words.set_role("danger")
        self.words.setText(f"{error.what} {error.why}")

    def _show_rows(self) -> None:
        if self.vocabulary is None:
            return
        doubt = DOUBTS[max(self.doubts.current(), 0)]
        rows = doubtful(self.vocabulary, doubt)
        if self._found is not None:
            ids = {entry.token_id for entry in self._found}
            rows = [entry for entry in rows if entry.token_id in ids]
        script = self.script.currentText()
        if script and script != _EVERY_SCRIPT:
            rows = [entry for entry in rows if entry.script == script]
        self.table.tokens.show(rows)
        all_of_them = len(self.vocabulary.entries)
        shown = f"{len(rows):,} of {all_of_them:,}" if len(rows) < all_of_them else f"{all_of_them:,}"
        self.panel.set_subtitle(f"{shown} tokens")
        self.words.set_role("muted")
        self.words.setText(sentence(doubt, len(rows)))
        self.words.setVisible(bool(self.words.text()))
        if rows:
            self.table.pick(0)
        else:
            self._forget()

    # One token

    def _pick(self, entry: Entry) -> None:
        if self.vocabulary is None or self._learned is None or entry == self._entry:
            return
        self._entry = entry
        counted = self.vocabulary.counted
        if counted is not None:
            self.zipf.pick(counted.rank(entry.token_id), counted.count(entry.token_id))
        self.inspected.emit(inspection(self.vocabulary, self._learned, entry))
        self._look_for_places(entry)

    def _forget(self) -> None:
        self._entry = None
        self.zipf.picked = None
        self.zipf.update()
        self.places.places.show(())
        self.places_panel.set_subtitle("")
        self.places_words.setText("")
        self.places_words.hide()

    def _look_for_places(self, entry: Entry) -> None:
        if self._placing is not None:
            self._placing.cancel()
            self._placing = None
        assert self.vocabulary is not None
        self.places.places.show(())
        folder = self.vocabulary.shards
        self.places_panel.set_subtitle(f"every place of {name_of(entry)}")
        if folder is None or not entry.count:
            words = (
                "It does not stand in the corpus." if folder else "Tokenize a corpus with it: then its places are here."
            )
            self.places_words.setText(words)
            self.places_words.show()
            return
        self.places_words.hide()
        query = placing(folder, self.vocabulary.tokenizer, entry.token_id)
        self._placing = self._desk.engine.ask(query, self._take_places, self._placed)

    def _take_places(self, item: object) -> None:
        assert isinstance(item, list)
        self.places.places.add(item)

    def _placed(self) -> None:
        self._placing = None
        entry, found = self._entry, len(self.places.places.places)
        if entry is not None and entry.count and found < entry.count:
            self.places_panel.set_subtitle(f"the first {found:,} of {entry.count:,} places of {name_of(entry)}")
        elif entry is not None:
            self.places_panel.set_subtitle(f"{found:,} place{'' if found == 1 else 's'} of {name_of(entry)}")
