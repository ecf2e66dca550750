"""Short questions to a model, answered on the engine thread between two steps of whatever runs there."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject

from engine.errors import CutawayError

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel
    from engine.launch.local import Worker
    from engine.store.workspace import Workspace


class Live(Enum):
    """The model that is training right now, wherever a path to a checkpoint could stand."""

    LIVE = "live"


LIVE = Live.LIVE
Source = Path | Live


class EngineSide:
    """What a query sees. Only ever touched on the engine thread, where torch may be imported."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.device = "auto"
        self.threads = 0
        self.weights = "float32"
        self.worker: Worker | None = None
        self._loaded: tuple[tuple[Path, int, str, str], LoadedModel] | None = None

    def model(self, source: Source) -> LoadedModel:
        """The live model, or the newest valid checkpoint at a path; the last one used stays loaded.

        Raises CutawayError when no model is training, or when there is no checkpoint that loads.
        """
        if isinstance(source, Live):
            return self._live()
        self._set_threads()
        key = (source, _changed(source), self.device, self.weights)
        if self._loaded is None or self._loaded[0] != key:
            from engine.generation.loaded import load_model

            self._loaded = None  # the old weights go before the new ones come
            self._loaded = (key, load_model(self.workspace, source, device=self.device, weights=self.weights))
        return self._loaded[1]

    def forget(self) -> None:
        self._loaded = None

    def _live(self) -> LoadedModel:
        context = self.worker.context if self.worker is not None else None
        if self.worker is not None and self.worker.processes > 1 and context is not None and context.live is None:
            return self.model(self.worker.run.folder)  # others train it: what they saved last is as near as one gets
        if context is None or context.live is None:
            raise CutawayError(
                "No model is training at this moment.",
                "It is there from the first step of Pretrain until the stage ends.",
                "Start a run, or choose a checkpoint.",
            )
        return context.live

    def _set_threads(self) -> None:
        """Only while no run does: a stage chooses its own number."""
        if self.worker is None:
            from engine.device import set_threads

            set_threads(self.threads)


def _changed(path: Path) -> int:
    """When a checkpoint was last added at or below a run folder, in nanoseconds."""
    places = [path, path / "checkpoints", *path.glob("*/checkpoints")]
    return max((place.stat().st_mtime_ns for place in places if place.exists()), default=0)


Query = Callable[[EngineSide], Iterator[object]]


@dataclass(eq=False)
class Ticket:
    """A question that was asked. After `cancel` nothing of it reaches the window any more."""

    query: Query
    on_item: Callable[[object], None]
    on_done: Callable[[], None] | None
    on_error: Callable[[CutawayError], None]
    cancelled: bool = False
    finished: bool = False
    stream: Iterator[object] | None = None

    def cancel(self) -> None:
        """From the GUI thread, at any time, more than once. The engine thread closes the query soon after."""
        self.cancelled = True

    def advance(self, side: EngineSide) -> tuple[Callable[..., None] | None, tuple[object, ...]] | None:
        """One item further; what is to be called for it. None when the query has ended silently."""
        try:
            if self.stream is None:
                self.stream = iter(self.query(side))
            return self.on_item, (next(self.stream),)
        except StopIteration:
            self.finished = True
            return self.on_done, ()
        except Exception as error:  # noqa: BLE001 whatever a query raises belongs to whoever asked
            self.finished = True
            return self.on_error, (explain(error, "The question to the model could not be answered."),)

    def close(self) -> None:
        """On the engine thread: runs the query's `finally`."""
        close = getattr(self.stream, "close", None)
        if close is not None:
            close()

    def listens(self, callback: Callable[..., None]) -> bool:
        """Whether there is still somebody to tell: a closed page has no ears."""
        owner = getattr(callback, "__self__", None)
        return not self.cancelled and not (isinstance(owner, QObject) and not shiboken6.isValid(owner))


def explain(error: Exception, what: str) -> CutawayError:
    """An unexpected exception in words, its traceback as details; a CutawayError as it is."""
    if isinstance(error, CutawayError):
        return error
    return CutawayError(
        what,
        f"{type(error).__name__}: {error}",
        "Everything saved before is intact. Copy the details into a report, then try again.",
        "".join(traceback.format_exception(error)),
    )
