"""Conversations that a person brings in files."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.lines import check_file
from engine.corpus.conversations.reading import Detected, read_items
from engine.corpus.conversations.rejected import Rejected
from engine.corpus.conversations.sorting import Counts, Sorter
from engine.corpus.conversations.stored import Side
from engine.corpus.document import Position
from engine.errors import CutawayError
from engine.events import Event, Progress, Tick
from engine.stages._conversations_made import Material, Pace

if TYPE_CHECKING:
    from engine.stages.conversations import Config

_BLOCK_BYTES = 2**20
_NAMED = 8


def from_files(config: Config) -> Generator[Event, None, Material]:
    """Raises CutawayError for a file that cannot be read, and for half a choice of columns."""
    if bool(config.question_column) != bool(config.answer_column):
        raise CutawayError(
            "Only one column is chosen.",
            "A conversation is made of two: the question and the answer, or the text and the label.",
            "Name both columns, or neither.",
        )
    digest = hashlib.sha256()
    size = 0
    for path in (*config.paths, *config.held_out_paths):
        file = Path(path).expanduser()
        check_file(file)
        digest.update(f"{file.stat().st_size} ".encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
                yield Tick()
    source = ", ".join(Path(path).name for path in config.paths)
    return _FromFiles(config, {"files": digest.hexdigest()}, source, size, divided=bool(config.held_out_paths))


@dataclass
class _FromFiles(Material):
    detected: list[Detected] = field(default_factory=list)

    def fill(self, sorter: Sorter) -> Iterator[Event]:
        """What is held out comes first, so that it is what is kept of two that are the same."""
        if self.divided:
            yield from self._read(self.config.held_out_paths, sorter, "held_out")
        yield from self._read(self.config.paths, sorter, "train" if self.divided else None)

    def _read(self, paths: Sequence[str], sorter: Sorter, side: Side | None) -> Iterator[Event]:
        chosen = self.config.question_column, self.config.answer_column
        pace = Pace()
        for item in read_items([Path(path) for path in paths], self.config.format, chosen if all(chosen) else None):
            if isinstance(item, Detected):
                self._take(item)
            elif isinstance(item, Rejected):
                sorter.reject(item)
            elif isinstance(item, Conversation):
                sorter.add(self.with_system(item), side)
            elif isinstance(item, Position) and pace.due(last=0 < item.total == item.done):
                yield Progress(step=sorter.taken, done=item.done, total=item.total, unit="bytes")

    def _take(self, detected: Detected) -> None:
        self.detected.append(detected)
        first = self.detected[0]
        if (first.format == "labelled") != (detected.format == "labelled"):
            raise CutawayError(
                f"{first.file} and {detected.file} do not go together.",
                "One holds texts with labels to classify, the other conversations.",
                "Fine-tune on one after the other.",
            )

    def check(self, counts: Counts) -> None:
        labels = sorted(counts.labels | set(counts.labels_once))
        if labels and counts.unlabelled:
            raise CutawayError(
                "Some of the conversations have a label, and others have none.",
                f"{counts.unlabelled:,} of {counts.of('train') + counts.of('held_out'):,} are no texts to classify.",
                "Fine-tune on one kind after the other.",
            )
        if labels and len(counts.labels) < 2:
            once = " Labels that stand only once count for nothing." if counts.labels_once else ""
            raise CutawayError(
                "There is nothing to tell apart.",
                f"The texts have {_quoted(labels)} as {'label' if len(labels) == 1 else 'labels'}.{once}",
                "Bring texts with at least two labels, and at least two texts of each.",
            )
        if not counts.of("train"):
            raise CutawayError(
                "No conversation is left to learn from.",
                f"All {counts.rejected:,} rows were rejected, or stand in the files that are held out.",
                "Choose other files.",
            )

    def facts(self, counts: Counts) -> dict[str, Any]:
        files = [{"file": item.file, "format": item.format, "reason": item.reason} for item in self.detected]
        reasons = [item.reason if len(files) == 1 else f"{item.file}: {item.reason}" for item in self.detected]
        return {
            "format": ", ".join(sorted({item.format for item in self.detected})),
            "reason": " ".join(reasons),
            "files": files,
            **counts.to_json(),
            "notices": list(self._notices(counts)),
        }

    def _notices(self, counts: Counts) -> Iterator[str]:
        once = len(counts.labels_once)
        if counts.duplicates:
            yield f"{_rows(counts.duplicates)} the same as others, or held out already; each is kept once."
        if once:
            stand = "label stands" if once == 1 else "labels stand"
            yield (
                f"{once:,} {stand} only once and could not be both learned and measured, so those texts are left out: "
                f"{_quoted(counts.labels_once)}."
            )
        if counts.contradicted:
            yield f"{_rows(counts.contradicted)} left out: their texts stood before, with another label."
        others = counts.rejected - counts.duplicates - counts.contradicted - once
        if others > 0:
            yield f"{_rows(others)} rejected; each is listed with its line and the reason."
        if not counts.of("held_out"):
            yield "Nothing is held out, so it cannot be measured how well new questions are answered."


def _rows(count: int) -> str:
    return f"{count:,} row was" if count == 1 else f"{count:,} rows were"


def _quoted(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(f'"{name[:40]}"' for name in names[:_NAMED]) + more
