"""The first view: where conversations come from, what they are, and those of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QHideEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.jobs.query import Ticket
from app.pages.finetune.data_band import Share
from app.pages.finetune.data_browse import HELD_OUT, REJECTED, TRAIN, Browse
from app.pages.finetune.data_empty import DropZone
from app.pages.finetune.data_inspections import of_share
from app.pages.finetune.data_reading import Look, Reading, reading, world_of, worlds_of
from app.pages.finetune.data_source import FILES, OWN, WORLD, SourcePanel
from app.pages.finetune.data_stored import conversations_of, stored
from app.pages.finetune.data_words import counted, format_words, share_names, source_words
from app.pages.finetune.editor_view import EditorView
from app.theme.type import M
from app.widgets.drop_veil import DropVeil
from engine.errors import CutawayError

_KINDS = ("train", "held_out", "duplicates", "rejected")
_PICKED = {"train": TRAIN, "held_out": HELD_OUT, "duplicates": REJECTED, "rejected": REJECTED}
_DROPPABLE = (".jsonl", ".json", ".csv", ".tsv", ".txt")


class DataView(QWidget):
    """changed(): other conversations would be trained on."""

    changed = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._base: Path | None = None
        self._run: Path | None = None
        self._world: Path | None = None
        self._paths: tuple[Path, ...] = ()
        self._source = WORLD
        self._error: CutawayError | None = None
        self._ticket: Ticket | None = None
        self._asked: Mapping[str, Any] | None = None
        self.look: Look | None = None
        self.panel = SourcePanel()
        self.browse = Browse()
        self.own = EditorView(desk)
        self.no_files = DropZone(
            "ph.files",
            "Drop files with conversations here, or choose them.",
            "Choose files",
            "OpenAI messages, ShareGPT, Alpaca, question and answer columns, or texts with a label each",
            primary=False,
        )
        self.no_world = DropZone(
            "ph.globe-hemisphere-west",
            "There is no world in this workspace yet.",
            "Choose files instead",
            "A first run makes one: first-words on Home. Its people are then asked about here.",
            primary=False,
        )
        self.pages = QStackedWidget()
        for page in (self.browse, self.own, self.no_files, self.no_world):
            self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.panel)
        layout.addWidget(self.pages, 1)
        self.veil = DropVeil(self)
        self.setAcceptDrops(True)
        self._connect()
        self._offer_worlds()

    def _connect(self) -> None:
        self.panel.source_chosen.connect(self.choose_source)
        self.panel.world_chosen.connect(self._choose_world)
        self.panel.format_chosen.connect(lambda _: self._ask())
        self.panel.columns.changed.connect(self._ask)
        self.panel.files_wanted.connect(self.ask_files)
        self.panel.import_wanted.connect(self.own.ask_import)
        self.panel.export_wanted.connect(self.own.ask_export)
        self.panel.picked.connect(self._show_part)
        self.panel.band.hovered.connect(self._point_at)
        self.no_files.clicked.connect(self.ask_files)
        self.no_world.clicked.connect(lambda: self.choose_source(FILES))
        self.own.changed.connect(self._on_saved)
        self.own.typed.connect(self._on_typed)
        self.browse.copied.connect(
            lambda count: self._desk.bus.notice.emit("ok", f"On the clipboard: {counted(count, 'row')}.")
        )
        self._desk.bus.workspace_changed.connect(self._on_workspace)

    # What the page asks

    def show_base(self, base: Path | None) -> None:
        """base: run, checkpoint or model folder that is to be tuned. Its own world is asked about first."""
        self._base = base
        self._offer_worlds()

    def show_run(self, run: Path | None) -> None:
        """run: shows what a recipe run learned from, and nothing can be chosen; None: back to the choice."""
        if run == self._run:
            return
        self._run = run
        self._cancel()
        self._asked, self.look, self._error = None, None, None
        if run is None:
            self.panel.show_source(self._source)
            self._ask()
            return
        self.panel.show_told()
        self.pages.setCurrentWidget(self.browse)
        folder = conversations_of(self._desk.workspace, run)
        self.panel.show_shares(0, ())
        self.browse.show_look(Look())
        self.panel.say("" if folder else "The conversations of this run are not made yet.")
        if folder is not None:
            self._ticket = self._desk.engine.ask(stored(folder), self._take, self._finish, self._fail)

    def recipe_tables(self) -> dict[str, dict[str, Any]]:
        """The [conversations] table of a recipe. What was written by hand is on the disk when this returns."""
        if self._source == WORLD:
            table: dict[str, Any] = {"source": "world"}
            if self._world is not None:
                table["corpus"] = self._relative(self._world)
            return {"conversations": table}
        if self._source == OWN:
            self.own.drafts.flush()
        paths = self._paths if self._source == FILES else (self.own.path,)
        form = str(self.panel.format.currentData()) if self._source == FILES else "messages"
        found: dict[str, Any] = {"source": "files", "paths": [str(path) for path in paths], "format": form}
        if self._source == FILES:
            found |= self.panel.columns.chosen()
        return {"conversations": found}

    def problem(self) -> str:
        """Why a run cannot begin with these; "" when it can."""
        if self._source == WORLD and self._world is None:
            return "There is no world in this workspace. Train first-words first, or choose files."
        if self._source == FILES and not self._paths:
            return "No files are chosen."
        if self._source == OWN and not self.own.drafts.complete():
            return "None of your own conversations is complete yet."
        if self._error is not None:
            return f"{self._error.what} {self._error.why}"
        if self.look is not None and not self.look.count("train"):
            return "No conversation is left to train on: every row was rejected."
        return ""

    @property
    def is_reading(self) -> bool:
        """Whether what is chosen is not counted yet."""
        return self._ticket is not None and self.look is None

    def rehearse(self, state: str) -> None:
        """For previews: the canned workspace has a world, and it is asked about at once."""
        self._offer_worlds()

    # Sources

    def choose_source(self, source: int) -> None:
        if source == OWN:
            self.own.open()
        self._source = source
        self.panel.show_source(source)
        self._ask()

    def take_files(self, paths: Sequence[Path]) -> None:
        """Reads these files in the place of those before."""
        self._paths, self._asked = tuple(paths), None  # the same ones may hold something else by now
        self.panel.columns.clear()
        self.panel.format.choose("auto")
        self.choose_source(FILES)

    def ask_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(
            self,
            "Which conversations?",
            "",
            f"Conversations ({' '.join('*' + suffix for suffix in _DROPPABLE)});;All files (*)",
        )
        if chosen:
            self.take_files([Path(name) for name in chosen])

    def _choose_world(self, folder: object) -> None:
        assert isinstance(folder, Path)
        self._world = folder
        self._ask()

    def _offer_worlds(self) -> None:
        found = worlds_of(self._desk.workspace)
        own = world_of(self._desk.workspace, self._base)
        self.panel.worlds.clear()
        for folder in found:
            detail = "of this model" if folder == own else ""
            self.panel.worlds.add(folder.name.rpartition("-")[0], detail, folder)
        wanted = own or (self._world if self._world in found else None) or (found[0] if found else None)
        if wanted is not None:
            self.panel.worlds.choose(wanted)
        self._world = wanted
        if self._run is not None:
            return
        self.panel.show_source(self._source)
        if self._source == WORLD:
            self._ask()

    def _on_workspace(self) -> None:
        self._base, self._run, self._paths, self._asked = None, None, (), None
        self.own.close()
        if self._source == OWN:
            self.own.open()
        self._offer_worlds()
        self._ask()

    # Reading

    def _ask(self, *, anew: bool = False) -> None:
        """Reads what the table names, unless that is what is shown or being read. anew: the files changed."""
        if self._run is not None:
            return
        self._error = None
        self._show_page()
        if self._is_nothing():
            self._cancel()
            self._asked, self.look = None, None
            self._show_nothing()
            self.changed.emit()
            return
        table = self.recipe_tables()["conversations"]
        if not anew and table == self._asked and (self.look is not None or self._ticket is not None):
            return
        self._cancel()
        self._asked = table
        self.look = self.look if anew else None
        if self.look is None and self._source != OWN:  # what was said and shown was of others
            self.panel.say("Reading.")
            self.panel.show_shares(0, ())
            self.browse.show_look(Look())
            self.browse.facts.set_waiting()
        self._ticket = self._desk.engine.ask(reading(table), self._take, self._finish, self._fail)
        self.changed.emit()

    def _is_nothing(self) -> bool:
        """Whether there is nothing yet that could be read."""
        return {
            WORLD: self._world is None,
            FILES: not self._paths,
            OWN: not self.own.drafts.complete(),
        }[self._source]

    def _show_nothing(self) -> None:
        self.panel.say(*source_words(self._source, None, ()))
        if self._source == OWN:
            self._on_typed()
        else:
            self.panel.show_shares(0, ())

    def _on_saved(self) -> None:
        if self._source == OWN:
            self._ask(anew=True)

    def _on_typed(self) -> None:
        """While one types: how many are complete. How many of them are held out is read once they are saved."""
        if self._source == OWN:
            total, complete = len(self.own.drafts.conversations), self.own.drafts.complete()
            shares = [Share("train", "complete", complete), Share("drafts", "not complete yet", total - complete)]
            self.panel.show_shares(complete, shares)

    def _take(self, item: object) -> None:
        if isinstance(item, Reading):
            if self._source == OWN:
                return  # a few lines: over before one could read what is said of them
            self.panel.set_busy(item.share)
            self.panel.say(f"Reading: {counted(item.read, 'row')} so far, {item.rejected:,} of them not taken.")
        elif isinstance(item, Look):
            self.look = item

    def _finish(self) -> None:
        self._ticket = None
        self.panel.set_busy(None)
        if self.look is not None:
            self._show_look(self.look)
        self.changed.emit()

    def _fail(self, error: CutawayError) -> None:
        self._ticket, self._error = None, error
        self.panel.columns.offer(self._source == FILES)
        if self._source == OWN:
            self.panel.say(f"{error.what} {error.why}", error.remedy, role="danger")
            self.changed.emit()
            return
        self.panel.set_busy(None)
        self.panel.show_shares(0, ())
        self.panel.say(f"{error.what} {error.why}", error.remedy, role="danger")
        self.browse.show_look(self.look or Look())
        if self.look is not None and self.look.rejected:
            self.browse.show_side(REJECTED)
        elif self._source == FILES:
            self.pages.setCurrentWidget(self.no_files)
        self.changed.emit()

    def _show_look(self, look: Look) -> None:
        people = self._people() if self._source == WORLD and self._run is None else 0
        words, _ = source_words(self._source, people, self._paths)
        if self._run is not None:
            words = "What this run learned from, as it lies in the workspace."
        told = self._run is not None or self._source == FILES
        self.panel.say(words, format_words(look) if told else "")
        names = share_names(FILES if self._run is not None else self._source)
        drafts = self._source == OWN and self._run is None
        kinds = {kind: "drafts" if drafts and kind == "rejected" else kind for kind in _KINDS}
        shares = [Share(kinds[kind], names[kind], look.count(kind)) for kind in _KINDS]
        self.panel.show_shares(look.count("train") + look.count("held_out"), shares)
        if self._source != OWN or self._run is not None:
            self.browse.show_look(look)

    def _show_part(self, kind: str) -> None:
        """Of one's own the list stays: it holds them all."""
        if self.pages.currentWidget() is self.browse:
            self.browse.show_side(_PICKED[kind])

    def _point_at(self, share: Share | None) -> None:
        found = of_share(share.kind, share.name, share.count, self.panel.band.total) if share is not None else None
        self._desk.bus.inspect.emit(found)

    def _show_page(self) -> None:
        page: QWidget = self.browse
        if self._source == OWN:
            page = self.own
        elif self._source == FILES and not self._paths:
            page = self.no_files
        elif self._source == WORLD and self._world is None:
            page = self.no_world
        self.pages.setCurrentWidget(page)

    def _people(self) -> int:
        found = (a for a in self._desk.workspace.artifacts("corpus") if a.folder == self._world)
        return next((int(artifact.manifest.figures.get("people", 0)) for artifact in found), 0)

    def _cancel(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        self.panel.set_busy(None)

    def _relative(self, folder: Path) -> str:
        return folder.relative_to(self._desk.workspace.root).as_posix()

    # Qt

    def hideEvent(self, event: QHideEvent) -> None:
        self.own.drafts.flush()
        super().hideEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        paths = _dropped(event)
        if paths:
            event.acceptProposedAction()
            self.veil.show_over(len(paths))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.veil.hide()
        paths = _dropped(event)
        if paths:
            event.acceptProposedAction()
            self.take_files(paths)


def _dropped(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in _DROPPABLE]
