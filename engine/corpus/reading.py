"""Finds readable files and streams their documents, in an order that is always the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engine.corpus.document import Document, Dropped, Position
from engine.errors import CutawayError
from engine.registry import Registry
from engine.store.workspace import MARK

READERS = Registry("engine.corpus.readers", requires=("SUFFIXES", "read"))
_HEAD_BYTES = 8192
_LOOKING = Position(0, 0)


@dataclass(frozen=True)
class Source:
    """A file that a reader takes. label: its name as a person knows it, below the folder that was given."""

    path: Path
    label: str
    bytes: int
    modified_ns: int


def readable_suffixes() -> dict[str, ModuleType]:
    """Suffix -> reader."""
    readers = [READERS.load(name) for name in READERS.names()]
    return {suffix: reader for reader in readers for suffix in reader.SUFFIXES}


def read_documents(paths: Sequence[Path], text_field: str = "text") -> Iterator[Document | Dropped]:
    """Documents of files and folders, streamed; memory stays bounded whatever the files hold.

    text_field: where a .jsonl row keeps its text. Raises CutawayError for a path that does not exist, for a folder
    with nothing readable and for no path at all.
    """
    found = list(find_sources(paths))
    yield from (item for item in found if isinstance(item, Dropped))
    for item in read_sources([item for item in found if isinstance(item, Source)], text_field):
        if not isinstance(item, Position):
            yield item


def find_sources(paths: Sequence[Path]) -> Iterator[Source | Dropped | Position]:
    """The readable files in sorted order, each once. Hidden files and other workspaces are passed over.

    Yields a Position now and then, so that a search through a large folder can be stopped.
    """
    if not paths:
        raise CutawayError(
            "No text was chosen.", "The list of files and folders is empty.", f"Name {_kinds()} files, or folders."
        )
    suffixes = readable_suffixes()
    seen: set[Path] = set()
    for path in paths:
        for item in _walk(Path(os.path.expanduser(path)), tuple(suffixes)):
            if isinstance(item, Source):
                identity = item.path.resolve()
                if identity in seen:
                    continue
                seen.add(identity)
            yield item


def read_sources(sources: Iterable[Source], text_field: str = "text") -> Iterator[Document | Dropped | Position]:
    """Streams the files one after another. Positions count the bytes of all of them."""
    sources = list(sources)
    suffixes = readable_suffixes()
    total = sum(source.bytes for source in sources)
    before = 0
    for source in sources:
        for item in _read_file(source, suffixes[source.path.suffix.lower()], text_field):
            yield Position(before + item.done, total) if isinstance(item, Position) else item
        before += source.bytes
        yield Position(before, total)


def _read_file(source: Source, reader: ModuleType, text_field: str) -> Iterator[Document | Dropped | Position]:
    try:
        reason = _unreadable(source.path)
        if reason:
            yield Dropped(source.label, reason)
        else:
            yield from reader.read(source.path, source.label, text_field)
    except OSError as error:
        yield Dropped(source.label, f"The file could not be read: {error.strerror or error}.")


def _unreadable(path: Path) -> str:
    """Why a file holds no text at all, judged by its first bytes; empty when it may."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head:
        return "The file is empty."
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "The file is UTF-16 text. Save it as UTF-8."
    if b"\0" in head:
        return "The file holds NUL bytes: it is binary data, not text."
    return ""


def _walk(root: Path, suffixes: tuple[str, ...]) -> Iterator[Source | Dropped | Position]:
    if not os.path.exists(root):
        raise CutawayError(
            f"{root} does not exist.", "There is neither a file nor a folder of that name.", "Check the path."
        )
    if not root.is_dir():
        yield from _take(root, root.name, suffixes, named=True)
        return
    nothing = True
    for item in _walk_folder(root.resolve(), suffixes):
        nothing = nothing and not isinstance(item, Source)
        yield item
    if nothing:
        raise CutawayError(
            f"{root} holds nothing that can be read.", f"It has no {_kinds()} file.", "Choose another folder."
        )


def _walk_folder(root: Path, suffixes: tuple[str, ...]) -> Iterator[Source | Dropped | Position]:
    errors: list[OSError] = []
    for folder, names, files in os.walk(root, onerror=errors.append):
        inner = Path(folder)
        names[:] = sorted(name for name in names if not name.startswith(".") and not (inner / name / MARK).is_file())
        for name in sorted(files):
            if not name.startswith("."):
                label = (root.name / (inner / name).relative_to(root)).as_posix()
                yield from _take(inner / name, label, suffixes, named=False)
        yield _LOOKING
    for error in errors:
        yield Dropped(str(error.filename), f"The folder could not be opened: {error.strerror}.")


def _take(path: Path, label: str, suffixes: tuple[str, ...], *, named: bool) -> Iterator[Source | Dropped]:
    """A file of another kind is worth a word only when somebody named it."""
    label = label.encode(errors="replace").decode()  # a file name may hold bytes that no text can
    if path.suffix.lower() not in suffixes:
        if named:
            yield Dropped(label, f"Files of this kind are not read; {_kinds()} files are.")
        return
    try:
        facts = path.stat()
    except OSError as error:
        yield Dropped(label, f"The file could not be opened: {error.strerror}.")
        return
    if stat.S_ISREG(facts.st_mode):  # a pipe or a device could keep a reader waiting for ever
        yield Source(path, label, facts.st_size, facts.st_mtime_ns)
    else:
        yield Dropped(label, "This is no ordinary file.")


def _kinds() -> str:
    *first, last = sorted(readable_suffixes())
    return f"{', '.join(first)} or {last}"
