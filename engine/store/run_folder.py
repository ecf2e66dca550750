"""A stage's run on disk: what it is, what it told and how it is."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine import __version__
from engine.events import Event, RunState, Tick, decode, encode
from engine.store.files import read_json, write_json

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 30.0


@dataclass(frozen=True)
class RunRecord:
    """`run.json`. parents: role -> hash. environment: versions, device, dtype, threads."""

    stage: str
    title: str
    config: dict[str, Any]
    parents: dict[str, str]
    seed: int
    began: str
    environment: dict[str, Any] = field(default_factory=dict)
    version: str = __version__


@dataclass(frozen=True)
class Status:
    """`status.json`. heartbeat: Unix time; pid and host say who wrote it."""

    state: RunState
    step: int = 0
    seconds: float = 0.0
    message: str = ""
    pid: int = 0
    process_began: float = 0.0
    host: str = ""
    heartbeat: float = 0.0


class RunFolder:
    """One stage's run. One writer at a time; any number of readers in any process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events_path = path / "events.jsonl"
        self.checkpoints = path / "checkpoints"
        self.observations = path / "observations"
        self._last_heartbeat = 0.0

    @classmethod
    def create(cls, path: Path, record: RunRecord) -> RunFolder:
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "run.json", asdict(record))
        return cls(path)

    def record(self) -> RunRecord:
        return RunRecord(**read_json(self.path / "run.json"))

    def begin_writing(self) -> None:
        """Closes a line that a crash tore, so that the next event stands on a line of its own."""
        if self.events_path.exists() and self.events_path.stat().st_size:
            with self.events_path.open("rb+") as stream:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")

    def append(self, event: Event) -> None:
        """Adds one line and hands it to the operating system, so that readers see it at once. All of it or, raising
        OSError, nothing: half a line on a full disk would spoil the next one too."""
        if isinstance(event, Tick):
            return
        line = encode(event).encode() + b"\n"
        with self.events_path.open("ab", buffering=0) as stream:
            end = stream.seek(0, os.SEEK_END)
            if stream.write(line) != len(line):
                stream.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.events_path))

    def read_events(self, offset: int = 0, max_bytes: int = 2**20) -> tuple[list[Event], int]:
        """Events in complete lines from byte `offset` on, and the offset to go on from. Torn lines are passed over."""
        if not self.events_path.exists():
            return [], 0
        with self.events_path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(max_bytes)
            if b"\n" not in data:
                data += stream.readline()
        end = data.rfind(b"\n") + 1
        events = []
        for line in data[:end].splitlines():
            try:
                events.append(decode(line.decode("utf-8")))
            except ValueError:
                continue  # a line torn by a crash, closed by begin_writing
        return events, offset + end

    def all_events(self) -> Iterator[Event]:
        offset = 0
        while True:
            events, end = self.read_events(offset)
            if end == offset:
                return
            yield from events
            offset = end

    def write_status(self, state: RunState, step: int, seconds: float, message: str = "") -> None:
        me = writer()
        status = Status(state, step, seconds, message, me.pid, me.create_time(), socket.gethostname(), time.time())
        path = self.path / "status.json"
        try:
            write_json(path, asdict(status), durable=state.is_final)
        except OSError:
            if not state.is_final:
                raise
            # How a run ended must be known, also on a full disk: the old status makes room for the new one.
            path.unlink(missing_ok=True)
            write_json(path, asdict(status))
        self._last_heartbeat = time.monotonic()

    def heartbeat_due(self) -> bool:
        return time.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS

    def status(self) -> Status:
        """As written, except that a run whose process is gone reads as `died`."""
        path = self.path / "status.json"
        if not path.exists():
            return Status(RunState.WAITING)
        data = read_json(path)
        status = Status(**{**data, "state": RunState(data["state"])})
        if not status.state.is_final and status.state is not RunState.WAITING and not _writer_lives(status):
            return Status(**{**asdict(status), "state": RunState.DIED})
        return status


def writer() -> psutil.Process:
    """Who stands for a run: this process, or the torchrun that started it, which replaces processes that are lost."""
    me = psutil.Process()
    return (me.parent() or me) if "TORCHELASTIC_RUN_ID" in os.environ else me


def _writer_lives(status: Status) -> bool:
    """On this host by pid and start time (pids are reused); elsewhere by the heartbeat's age."""
    if status.host != socket.gethostname():
        return time.time() - status.heartbeat < STALE_SECONDS
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.process_began) < 2.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
