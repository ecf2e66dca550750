"""Asks the model, every few seconds and only while somebody looks, what it holds likely to come next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.engine_thread import EngineThread
from app.jobs.query import LIVE, EngineSide, Query, Source, Ticket
from engine.errors import CutawayError

_EVERY_MS = 2_500
_SETTLE_MS = 1_500  # a checkpoint needs torch: not while the window is still being built
_CANDIDATES = 6


@dataclass(frozen=True)
class Guesses:
    """candidates: (token text, probability), likeliest first. entropy: bits. step: the model's."""

    prompt: str
    candidates: tuple[tuple[str, float], ...]
    entropy: float
    step: int


class LiveGuesses(QObject):
    """answered(Guesses). A model that is not there yet is no error: it is asked again."""

    answered = Signal(object)

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._ticket: Ticket | None = None
        self._source: Source | None = None
        self._prompt = ""
        self._answers = False
        self._again = True
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._ask)

    def watch(self, source: Path | None, *, live: bool, prompt: str, answers: bool = False) -> None:
        """live: the model that trains in this process; else the newest checkpoint of the run at `source`, which is
        asked once. None: nobody is asked. answers: the prompt is a question to an assistant, and what is asked for is
        how its answer begins."""
        wanted: Source | None = LIVE if live else source
        if (wanted, prompt) == (self._source, self._prompt):
            return
        self.rest()
        self._source, self._prompt, self._again, self._answers = wanted, prompt, live, answers
        if wanted is not None and prompt:
            self._timer.start()
            QTimer.singleShot(0 if live else _SETTLE_MS, self._ask)

    def rest(self) -> None:
        """Until the next `watch`: the page is hidden, or there is nothing to ask."""
        self._timer.stop()
        if self._ticket is not None:
            self._ticket.cancel()
        self._ticket, self._source = None, None

    def _ask(self) -> None:
        if self._ticket is None and self._source is not None:
            query = _question(self._source, self._prompt, self._answers)
            self._ticket = self._engine.ask(query, self._take, self._over, self._unanswered)

    def _take(self, guesses: object) -> None:
        self.answered.emit(guesses)

    def _over(self) -> None:
        self._ticket = None
        if not self._again:
            self._timer.stop()

    def _unanswered(self, _error: CutawayError) -> None:
        """Not there yet, or a checkpoint that went while it was read: the timer asks again."""
        self._ticket = None


def _question(source: Source, prompt: str, answers: bool) -> Query:
    def query(side: EngineSide) -> Iterator[object]:
        from engine.generation.decoder import next_token
        from engine.generation.sampling import SamplingConfig

        loaded = side.model(source)
        text: str | list[int] = prompt
        if answers and loaded.chat_template is not None:
            from engine.corpus.conversation import Message
            from engine.tokenizer.chat_template import template_of

            text = template_of(loaded.tokenizer, loaded.chat_template).prompt([Message("user", prompt)])
        found = next_token(loaded, text, SamplingConfig(temperature=1.0), _CANDIDATES)
        candidates = tuple((candidate.text, candidate.before) for candidate in found.candidates)
        yield Guesses(prompt, candidates, found.entropy_before, loaded.step)

    return query
