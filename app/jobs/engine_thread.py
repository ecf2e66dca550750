"""The one thread that computes: it drives a run and answers questions between two of its steps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from app.jobs.query import EngineSide, Query, Ticket, explain
from engine.errors import CutawayError
from engine.events import Event, Failed, HealthAlarm, StateChanged
from engine.launch.local import Worker
from engine.store.workspace import Workspace

_BUDGET_SECONDS = 0.015
_PAUSED_BUDGET_SECONDS = 0.1
_DELIVERY_SECONDS = 0.006
_TOLD = (StateChanged, Failed, HealthAlarm)


@dataclass(eq=False)
class _Drive:
    """A run that is being driven, and whom to tell."""

    worker: Worker
    stream: Iterator[Event]
    on_event: Callable[[Event], None]
    on_end: Callable[[CutawayError | None], None]


class EngineThread(QThread):
    """Lives from the start of the window to its end. Every callback is called on the GUI thread.

    Nothing that a run or a query raises ends the thread: it reaches `on_end`, `on_error` or `failed`.
    """

    failed = Signal(object)  # CutawayError of a query whose asker did not say where errors go
    _mail_waits = Signal()

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("engine")
        self._side = EngineSide(workspace)
        self._wake = threading.Condition()
        self._drive: _Drive | None = None
        self._tickets: list[Ticket] = []
        self._errands: deque[Callable[[], None]] = deque()
        self._closing = False
        self._mail: deque[tuple[Ticket | None, Callable[..., None], tuple[object, ...]]] = deque()
        self._announced = False
        self._mail_waits.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    # Asked from the GUI thread

    @property
    def busy(self) -> bool:
        """Whether a run is being driven."""
        return self._drive is not None

    def drive(
        self,
        worker: Worker,
        on_event: Callable[[Event], None],
        on_end: Callable[[CutawayError | None], None],
    ) -> None:
        """Begins a run. on_event hears of changes of state, failures and alarms: all else is read from the run folder.

        on_end: once, with the error if the run could not even begin or go on. Raises RuntimeError while another runs.
        """
        with self._wake:
            if self._drive is not None:
                raise RuntimeError("a run is being driven already")
            self._drive = _Drive(worker, worker.work(), on_event, on_end)
            self._wake.notify()

    def ask(
        self,
        query: Query,
        on_item: Callable[[object], None],
        on_done: Callable[[], None] | None = None,
        on_error: Callable[[CutawayError], None] | None = None,
    ) -> Ticket:
        """Answers a query between two steps of the run, or at once. Each item reaches on_item in order."""
        ticket = Ticket(query, on_item, on_done, on_error or self.failed.emit)
        with self._wake:
            self._tickets.append(ticket)
            self._wake.notify()
        return ticket

    def configure(
        self,
        *,
        workspace: Workspace | None = None,
        device: str | None = None,
        threads: int | None = None,
        weights: str | None = None,
    ) -> None:
        """What the next loaded checkpoint uses; a model that is loaded is let go."""
        side = self._side

        def apply() -> None:
            side.workspace = workspace or side.workspace
            side.device = device or side.device
            side.threads = side.threads if threads is None else threads
            side.weights = weights or side.weights
            side.forget()

        with self._wake:
            self._errands.append(apply)
            self._wake.notify()

    def shut_down(self) -> None:
        """Stops the run (which saves), drops the questions and waits for the thread's end. Tells nobody any more."""
        with self._wake:
            self._closing = True
            if self._drive is not None:
                self._drive.worker.control.stop()
            self._wake.notify()
        self.wait()

    # On the engine thread

    def run(self) -> None:
        while self._wait_for_work():
            while self._errands:
                self._errands.popleft()()
            if self._drive is not None:
                self._advance_run(self._drive)
            if not self._closing:
                self._answer()
        for ticket in self._tickets:
            ticket.close()
        self._tickets.clear()
        self._side.forget()

    def _wait_for_work(self) -> bool:
        """False when the thread is to end; a run is always brought to its own end first."""
        with self._wake:
            while not (self._drive or self._tickets or self._errands or self._closing):
                self._wake.wait()
            return self._drive is not None or not self._closing

    def _advance_run(self, drive: _Drive) -> None:
        self._side.worker = drive.worker
        error: CutawayError | None = None
        try:
            event = next(drive.stream)
        except StopIteration:
            pass
        except Exception as problem:  # noqa: BLE001 no run may end the thread; its error goes to on_end
            error = explain(problem, "The run ended with an error that it did not expect.")
        else:
            if isinstance(event, _TOLD):
                self._post(None, drive.on_event, (event,))
            return
        self._side.worker = None
        with self._wake:
            self._drive = None
        self._post(None, drive.on_end, (error,))

    def _answer(self) -> None:
        """Each question one item in turn until the budget is spent; at least one, so that none starves."""
        deadline = time.perf_counter() + self._budget()
        with self._wake:
            waiting = deque(self._tickets)
        while waiting:
            ticket = waiting.popleft()
            if not ticket.cancelled:
                call = ticket.advance(self._side)
                if call is not None and call[0] is not None:
                    self._post(ticket, call[0], call[1])
            if ticket.cancelled or ticket.finished:
                self._drop(ticket)
            else:
                waiting.append(ticket)
            if time.perf_counter() > deadline:
                break
        with self._wake:  # whoever had the last turn is at the end of the next round
            self._tickets = [*waiting, *(t for t in self._tickets if t not in waiting)]

    def _budget(self) -> float:
        if self._drive is None:
            return _PAUSED_BUDGET_SECONDS
        return _PAUSED_BUDGET_SECONDS if self._drive.worker.control.paused else _BUDGET_SECONDS

    def _drop(self, ticket: Ticket) -> None:
        try:
            ticket.close()
        except Exception as error:  # noqa: BLE001 a query that cannot even close must not end the thread
            self._post(ticket, ticket.on_error, (explain(error, "A question to the model ended badly."),))
        with self._wake:
            self._tickets.remove(ticket)

    def _post(self, ticket: Ticket | None, callback: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._mail.append((ticket, callback, arguments))
        self._announce()

    def _announce(self) -> None:
        """One signal for many pieces of mail: none is sent while one is under way."""
        if not self._announced:
            self._announced = True
            self._mail_waits.emit()

    # On the GUI thread again

    @Slot()
    def _deliver(self) -> None:
        """Hands out what has arrived, a few milliseconds at a time. What a receiver raises reaches sys.excepthook."""
        self._announced = False  # before looking, so that mail which comes meanwhile is announced again
        if self._closing:
            self._mail.clear()
        deadline = time.perf_counter() + _DELIVERY_SECONDS
        try:
            while self._mail and time.perf_counter() < deadline:
                ticket, callback, arguments = self._mail.popleft()
                if ticket is None or ticket.listens(callback):
                    callback(*arguments)
        finally:
            if self._mail:
                self._announce()
