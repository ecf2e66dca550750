"""What to make of a model for other programs and people, and where to put it; then the work itself, watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Query
from app.jobs.run_summary import RunSummary, size_words
from app.pages.runs.export_forms import ExportForms
from app.theme.type import L, M
from app.widgets.buttons import Button
from app.widgets.label import Hairline, Label
from app.widgets.work_dialog import WorkDialog, row_of
from engine.errors import CutawayError
from engine.events import Progress
from engine.launch.export import Exported, ExportRequest, export
from engine.store.workspace import slug


class ExportDialog(WorkDialog):
    """Stays while it works. Cancel, Escape and closing it end the work, and nothing is left of it then."""

    def __init__(self, desk: Desk, run: RunSummary, parent: QWidget | None = None) -> None:
        super().__init__(desk, parent)
        self._run = run
        self._suggested = ""
        self.done_with: Exported | None = None
        self.forms = ExportForms(run.planned.parameters, adapter=run.planned.method == "lora")
        self.where = QLineEdit()
        self.where.setAccessibleName("Folder to write")
        self.choose_button = Button("Choose", icon="ph.folder-open", tooltip="Choose the folder in which it is to lie")
        self.export_button = Button("Export", "primary")
        self.cancel_button = Button("Cancel")
        self.show_button = Button("Show folder", icon="ph.folder-open")
        self._build()
        self.forms.changed.connect(self._suggest)
        self.where.textChanged.connect(lambda text: self.export_button.setEnabled(bool(text.strip())))
        self.where.returnPressed.connect(self.begin)
        self.choose_button.clicked.connect(self._ask_where)
        self.export_button.clicked.connect(self.begin)
        self.cancel_button.clicked.connect(self.reject)
        self.show_button.clicked.connect(self._show_folder)
        self._suggest()

    def _build(self) -> None:
        self.setAccessibleName(f"Export {self._run.name}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(M)
        layout.addWidget(Label(f"Export {self._run.name}", size=15, weight=600, wrap=True))
        layout.addWidget(self.forms)
        layout.addWidget(Hairline())
        layout.addLayout(row_of(Label("Folder", "muted"), self.where, self.choose_button))
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        layout.addSpacing(L - M)
        row = row_of(self.show_button, self.cancel_button, self.export_button)
        row.insertStretch(0, 1)
        layout.addLayout(row)
        for widget in (self.bar, self.words, self.show_button):
            widget.hide()
        self._fit()

    # Where it goes

    def _suggest(self) -> None:
        """A folder that is free, unless a person has written another."""
        if self.where.text() not in ("", self._suggested):
            return
        base = self._desk.workspace.root / "exports" / f"{slug(self._run.folder.name)}-{self.forms.kind}"
        free = next(p for n in range(1, 1000) if not (p := base if n == 1 else Path(f"{base}-{n}")).exists())
        self._suggested = str(free)
        self.where.setText(self._suggested)
        self.where.setToolTip(self._suggested)

    def _ask_where(self) -> None:
        wanted = Path(self.where.text()).expanduser()
        chosen = QFileDialog.getExistingDirectory(self, "Where should it lie?", str(wanted.parent))
        if chosen:
            self.where.setText(str(Path(chosen) / wanted.name))

    # The work

    def begin(self) -> None:
        if self._ticket is not None or not self.where.text().strip():
            return
        self._set_busy(True)
        self._say("Reading the model", "muted")
        request = ExportRequest(self._run.folder, Path(self.where.text().strip()), self.forms.kind)
        self._ticket = self._desk.engine.ask(_query(request), self._take, self._finish, self._fail)

    def _take(self, item: object) -> None:
        if isinstance(item, Exported):
            self.done_with = item
        elif isinstance(item, Progress):
            self.bar.set(item.done / item.total if item.total else 0.0)
            told = f"{size_words(item.done)} of {size_words(item.total)} written" if item.total else item.message
            self._say(told, "muted")

    def _finish(self) -> None:
        self._ticket = None
        done = self.done_with
        if done is None:
            return
        count = f"{len(done.files)} file{'s' if len(done.files) != 1 else ''}"
        self.bar.hide()
        self._say(" ".join([f"Written: {count}, {size_words(done.bytes)}.", *done.notes]), "text")
        self.cancel_button.set_text("Close")
        self.export_button.hide()
        self.show_button.show()
        self._fit()

    def _fail(self, error: CutawayError) -> None:
        self._ticket = None
        self._set_busy(False)
        self._say(f"{error.what} {error.why} {error.remedy}", "danger")

    def _set_busy(self, busy: bool) -> None:
        for widget in (self.forms, self.where, self.choose_button, self.export_button):
            widget.setEnabled(not busy)
        self.bar.set(0.0)
        self.bar.setVisible(busy)

    def _show_folder(self) -> None:
        if self.done_with is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.done_with.folder)))


def _query(request: ExportRequest) -> Query:
    def query(side: EngineSide) -> Iterator[object]:
        yield from export(side.workspace, request)

    return query
