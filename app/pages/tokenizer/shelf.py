"""The tokenizers there are, and those that were read: what is compared is read on the engine thread, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.jobs.desk import Desk
from app.jobs.query import EngineSide, Query
from app.pages.tokenizer.choice import artifact_detail, artifact_name
from app.pages.tokenizer.view import Chosen
from engine.errors import CutawayError
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import load_tokenizer

Place = Path | None
BYTES = "bytes"
BYTES_DETAIL = "257"


class Shelf(QObject):
    """A place is a tokenizer's folder, None for the bytes. changed(): one more was read. failed(CutawayError)."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._read: dict[Place, Chosen] = {None: Chosen(BYTES, BYTES_DETAIL, None, ByteTokenizer())}
        self._asked: set[Place] = set()

    @property
    def workspace(self) -> Workspace:
        return self._desk.workspace

    def names(self) -> dict[Place, tuple[str, str]]:
        """Name and what it is of every tokenizer in the workspace, the newest first, and at last the bytes."""
        found = self.workspace.artifacts("tokenizer")
        known: dict[Place, tuple[str, str]] = {one.folder: (artifact_name(one), artifact_detail(one)) for one in found}
        return {**known, None: (BYTES, BYTES_DETAIL)}

    def put(self, chosen: Chosen) -> None:
        """What was read already."""
        self._read[chosen.folder] = chosen

    def get(self, place: Place) -> Chosen | None:
        """None when it is still to be read: `changed` tells when it is there."""
        if place not in self._read and place is not None and place not in self._asked:
            self._asked.add(place)
            self._desk.engine.ask(_reading(place), self._take, None, self._fail)
        return self._read.get(place)

    def _take(self, item: object) -> None:
        assert isinstance(item, Chosen)
        self._asked.discard(item.folder)
        self._read[item.folder] = item
        self.changed.emit()

    def _fail(self, error: CutawayError) -> None:
        self.failed.emit(error)


def _reading(folder: Path) -> Query:
    def query(side: EngineSide) -> Iterator[object]:
        found = next((one for one in side.workspace.artifacts("tokenizer") if one.folder == folder), None)
        detail = artifact_detail(found) if found else ""
        yield Chosen(artifact_name(found) if found else folder.name, detail, folder, load_tokenizer(folder))

    return query
