"""Which conversations are learned from and which are held out, and that none stands on both sides or twice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.rejected import Rejected, shown
from engine.corpus.conversations.stored import REJECTED, SIDES, Side, file_of
from engine.corpus.split import document_place

_WAITING = ".waiting.jsonl"
_TOPICS = 100


@dataclass
class Counts:
    """topics: side -> topic -> how many. unlabelled: written, and no text with a label. labels_once: labels that stood
    only once. duplicates: rejected as "the same". contradicted: texts that stood again with another label."""

    topics: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    unlabelled: int = 0
    labels: set[str] = field(default_factory=set)
    labels_once: list[str] = field(default_factory=list)
    duplicates: int = 0
    contradicted: int = 0
    rejected: int = 0

    def of(self, side: Side) -> int:
        return self.topics[side].total()

    def to_json(self) -> dict[str, Any]:
        """Their part of facts.json."""
        return {
            "labels": sorted(self.labels, key=_in_order),
            "topics": dict(self.topics["train"].most_common(_TOPICS)),
            "held_out_topics": dict(self.topics["held_out"].most_common(_TOPICS)),
            "duplicates": self.duplicates,
        }


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A conversation that lies in the waiting file. place: 0 to 1, by its question. side: None while undecided."""

    place: float
    label: str
    side: Side | None


class Sorter:
    """Takes conversations in, one by one, and writes train.jsonl, held_out.jsonl and rejected.jsonl into `folder`.

    held_out_share: of the conversations, 0 to below 1, by a hash of seed and question, so that equal questions stand
    on one side whatever their answers; of each label as nearly that share as can be, and at least one. Memory: about
    300 bytes a conversation, for the hashes. Raises OSError.
    """

    def __init__(self, folder: Path, seed: int, held_out_share: float) -> None:
        self.counts = Counts()
        self._folder, self._seed, self._share = folder, seed, held_out_share
        self._waiting: list[_Waiting] = []
        self._said: dict[bytes, str] = {}
        self._asked: dict[bytes, tuple[str, str, Side | None]] = {}
        self._files: list[IO[bytes]] = []
        self._waiting_file = self._open(_WAITING)
        self._rejected_file = self._open(REJECTED)

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._files:
            stream.close()

    @property
    def taken(self) -> int:
        """How many are in the waiting file."""
        return len(self._waiting)

    def reject(self, rejected: Rejected) -> None:
        self.counts.rejected += 1
        _write(self._rejected_file, rejected.to_json())

    def add(self, conversation: Conversation, side: Side | None = None) -> None:
        """side: where it belongs, if that is known; what is held out must come first, so that it wins."""
        asked, answered = _text(conversation.question), _text(conversation.messages[-1:])
        question = hashlib.sha256(asked.encode()).digest()[:16]
        said = hashlib.sha256(question + answered.encode()).digest()[:16]
        reason = self._repeats(conversation, said, question, side)
        if reason:
            self.reject(Rejected(conversation.source, reason, shown(conversation.messages[-2].content)))
            return
        self._said[said] = conversation.source
        self._asked.setdefault(question, (conversation.source, conversation.label, side))
        self._waiting.append(_Waiting(document_place(f"{self._seed} {asked}"), conversation.label, side))
        _write(self._waiting_file, conversation.to_json())

    def _repeats(self, conversation: Conversation, said: bytes, question: bytes, side: Side | None) -> str:
        """Why it is not taken; empty when it is new."""
        if said in self._said:
            self.counts.duplicates += 1
            return f"The same as {self._said[said]}."
        if question not in self._asked:
            return ""
        source, label, known = self._asked[question]
        if known != side:
            self.counts.duplicates += 1
            return f"The same question as {source}, which is held out."
        if label != conversation.label:
            self.counts.contradicted += 1
            return f'The same text as {source}, which has the label "{label}", not "{conversation.label}".'
        return ""

    def finish(self) -> Iterator[int]:
        """Decides and writes; yields how many are written after each. Afterwards `counts` is complete."""
        self._waiting_file.close()
        out = {side: self._open(file_of(side)) for side in SIDES}
        useless = self._useless_labels()
        sides = self._sides(useless)
        with (self._folder / _WAITING).open("rb") as written:
            for number, (line, waiting) in enumerate(zip(written, self._waiting, strict=True)):
                conversation = Conversation.from_json(json.loads(line))
                if waiting.label in useless:
                    text = shown(conversation.messages[-2].content)
                    self.reject(Rejected(conversation.source, useless[waiting.label], text))
                else:
                    out[sides[number]].write(line)
                    self.counts.topics[sides[number]][conversation.topic] += 1
                    self.counts.labels |= {waiting.label} - {""}
                    self.counts.unlabelled += not waiting.label
                yield number + 1
        (self._folder / _WAITING).unlink()
        for stream in self._files:
            stream.close()

    def _useless_labels(self) -> dict[str, str]:
        """Label -> why nothing can be done with it."""
        counts = Counter(waiting.label for waiting in self._waiting if waiting.label)
        learned = {waiting.label for waiting in self._waiting if waiting.side != "held_out"}
        reasons = {label: f'No row to learn from has the label "{label}".' for label in counts if label not in learned}
        self.counts.labels_once = sorted(label for label, count in counts.items() if count == 1)
        for label in self.counts.labels_once:
            reasons[label] = f'The label "{label}" stands only once: it could not be both learned and measured.'
        return reasons

    def _sides(self, useless: dict[str, str]) -> list[Side]:
        sides: list[Side] = [waiting.side or "train" for waiting in self._waiting]
        groups: dict[str, list[int]] = defaultdict(list)
        for number, waiting in enumerate(self._waiting):
            if waiting.side is None and waiting.label not in useless:
                groups[waiting.label].append(number)
        for label, group in groups.items():
            for number in self._held_out(group, bool(label)):
                sides[number] = "held_out"
        return sides

    def _held_out(self, group: list[int], exactly: bool) -> list[int]:
        """Those with the first places: as many as their share, or all whose place is within it; never none or all
        where there is a choice."""
        places = sorted({self._waiting[number].place for number in group})
        if not self._share or len(places) < 2:
            return []
        count = round(self._share * len(places)) if exactly else sum(place < self._share for place in places)
        border = places[min(max(count, 1), len(places) - 1)]
        return [number for number in group if self._waiting[number].place < border]

    def _open(self, name: str) -> IO[bytes]:
        self._files.append((self._folder / name).open("wb"))
        return self._files[-1]


def _text(messages: Sequence[Message]) -> str:
    """What is compared: all that was said, whatever space stands around it."""
    return json.dumps([m.to_json() | {"content": m.content.strip()} for m in messages], ensure_ascii=False)


def _in_order(label: str) -> tuple[bool, int, str]:
    """Numbers as numbers, before words."""
    return (False, len(label), label) if label.isdecimal() else (True, 0, label)


def _write(stream: IO[bytes], row: object) -> None:
    stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
