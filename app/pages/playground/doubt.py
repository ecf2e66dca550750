"""Entropy of every written token under settings that move: some at a time, so that a slider never waits."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from app.pages.playground.session import Session
from app.pages.playground.text import TextToken
from engine.generation.sampling import entropy_bits, filtered

_BUDGET_SECONDS = 0.006


class Doubt(QObject):
    """moved(): some tokens' `entropy_after` follow the settings now. Those whose prediction had to go stay as drawn."""

    moved = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._waiting: list[TextToken] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._advance)
        session.appended.connect(self._take)

    def follow(self) -> None:
        """Begins anew with the settings of the session."""
        self._waiting = [token for token in self._session.tokens if token.is_written and token.prediction is not None]
        self._timer.start()

    def _take(self, first: int) -> None:
        """Tokens that were drawn with settings of a moment ago join those that wait."""
        if self._timer.isActive():
            self._waiting = [*self._session.tokens[first:], *self._waiting]

    def stop(self) -> None:
        self._timer.stop()

    def _advance(self) -> None:
        """From the newest token backwards, a few milliseconds' worth."""
        deadline = time.perf_counter() + _BUDGET_SECONDS
        sampling = self._session.sampling
        while self._waiting and time.perf_counter() < deadline:
            token = self._waiting.pop()
            if token.is_written and token.prediction is not None:
                logits, ids = token.prediction.logits, token.prediction.previous_ids
                token.entropy_after = entropy_bits(filtered(logits, sampling, ids).after)
        if not self._waiting:
            self._timer.stop()
        self.moved.emit()
