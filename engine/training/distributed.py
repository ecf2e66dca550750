"""Training in several processes: DistributedDataParallel (Li et al. 2020) adds up what each computed of a batch.

Every process holds the whole model and makes the same update, so that only gradients travel. Process 0 alone is
steered, tells and saves; the others do as it says, and learn it once a step.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.control import Control
from engine.errors import CutawayError
from engine.events import ProcessesMeasured
from engine.training.ranks import Alone, Turn
from engine.training.stopwatch import Moment, Stopwatch

if TYPE_CHECKING:
    from torch._C._distributed_c10d import GradBucket

# A paused run makes the others wait, for as long as a person likes. That one is lost shows at once, not by a timeout.
_PATIENCE = timedelta(days=30)
_WARM_UP_STEPS = 2
_TELL_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_FAILURE, _OVER = "failure", "over"


class Over(Exception):  # noqa: N818 nothing went wrong
    """Process 0 has ended."""


class Group:
    """The processes that torchrun started, as seen from one of them. Small facts travel as JSON through its store."""

    def __init__(self) -> None:
        """Joins; waits until all are there. Raises CutawayError where torch was built without it."""
        if not dist.is_available():
            raise CutawayError(
                "Several processes cannot train together here.",
                "This torch was built without torch.distributed.",
                "Train in one process.",
            )
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.local_rank, self.local_size = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
        self.restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        one_each = torch.cuda.is_available() and torch.cuda.device_count() >= self.local_size
        backend = "cpu:gloo,cuda:nccl" if one_each and dist.is_nccl_available() else "gloo"
        if one_each:
            torch.cuda.set_device(self.local_rank)
        dist.init_process_group(backend, timeout=_PATIENCE)
        self._store = dist.distributed_c10d._get_default_store()
        self._store.set_timeout(_PATIENCE)
        self._calls = 0

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def call(self, work: dict[str, Any]) -> None:
        """Process 0 asks the others to take part in a piece of work."""
        self.publish(f"call-{self._calls}", work)
        self._calls += 1

    def next_call(self) -> dict[str, Any]:
        """In the others: waits for it, as long as it takes. Raises Over when there is no more."""
        self._calls += 1
        return self.learn(f"call-{self._calls - 1}")

    def publish(self, name: str, data: dict[str, Any]) -> None:
        self._store.set(name, json.dumps(data))

    def learn(self, name: str) -> dict[str, Any]:
        """Waits until it is published. Raises Over when process 0 ends without."""
        while not self._store.check([name]):
            if self._store.check([_OVER]):
                raise Over
            time.sleep(_LOOK_SECONDS)
        return dict(json.loads(self._store.get(name)))

    def close(self) -> None:
        """Process 0 has no more work for the others, however it ended."""
        self._store.set(_OVER, "")

    def fail(self, error: CutawayError) -> None:
        """Tells process 0 why this one ends; of several the first counts."""
        words = {"what": error.what, "why": error.why, "remedy": error.remedy, "details": error.details}
        self._store.compare_set(_FAILURE, "", json.dumps({**words, "rank": self.rank}))

    def failure(self) -> CutawayError | None:
        """What another process told before it ended; None when it was lost without a word."""
        if not self._store.check([_FAILURE]):
            return None
        words = self.learn(_FAILURE)
        why = f"In process {words['rank'] + 1} of {self.size}: {words['why']}"
        return CutawayError(words["what"], why, words["remedy"], words["details"])

    def device(self, wanted: torch.device) -> torch.device:
        """This process's own. Raises CutawayError for Apple's GPU, which torch cannot share."""
        if wanted.type == "mps":
            raise CutawayError(
                "Several processes cannot share Apple's GPU.",
                "torch has no way to add up gradients there.",
                "Train in one process, or choose the CPU.",
            )
        if wanted.type == "cuda":
            return torch.device("cuda", self.local_rank % torch.cuda.device_count())
        return wanted

    def threads(self, all_threads: int) -> int:
        """This process's share of the machine's."""
        return max(1, all_threads // self.local_size)


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process is gone: torch has no type for what gloo tells."""
    if isinstance(error, dist.DistError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("gloo" in text or "Connection closed by peer" in text)


@dataclass
class _Step:
    """When this process's passes of a step began and ended, and when its last gradient was ready."""

    tokens: int = 0
    passes: list[tuple[Moment, Moment]] = field(default_factory=list)
    ready: Moment = 0.0


@dataclass
class _Wishes:
    stop: bool = False
    checkpoint: bool = False
    scale: float = 1.0


class Ranks(Alone):
    """One process among several, in DistributedDataParallel. control: what this process is steered by; only that of
    process 0 counts."""

    def __init__(self, group: Group, control: Control, device: torch.device) -> None:
        super().__init__(control)
        self.rank, self.size, self.leads = group.rank, group.size, group.leads
        self._watch = Stopwatch(device)
        self._wishes = _Wishes()
        self._step = _Step()
        self._steps: list[_Step] = []
        self._begun = 0
        self._sums = torch.zeros(3, self.size, dtype=torch.float64)  # tokens, seconds computing, seconds waiting
        self._wrapped: DistributedDataParallel | None = None

    def join(self, objective: nn.Module) -> nn.Module:
        """All begin with the weights of process 0."""
        self._wrapped = DistributedDataParallel(objective, gradient_as_bucket_view=True)
        # A lambda, because torch compares a hook's annotations with its own types.
        self._wrapped.register_comm_hook(None, lambda _, bucket: self._add_up(bucket))
        return self._wrapped

    def _add_up(self, bucket: GradBucket) -> torch.futures.Future[Tensor]:
        """Gradients of the shares add up to that of the batch: nothing is divided."""
        self._step.ready = self._watch.now()
        work = dist.all_reduce(bucket.buffer(), async_op=True)
        assert work is not None
        return work.get_future().then(lambda done: done.value()[0])  # type: ignore[no-any-return]

    def agree(self) -> None:
        """One small sum: process 0 adds its wishes, each its own figures."""
        control, numbers = self._control, torch.zeros(3 + 3 * self.size, dtype=torch.float64)
        if self.leads:
            wishes = (control.stopping, control.take_checkpoint_request(), control.learning_rate_scale)
            numbers[:3] = torch.tensor(wishes, dtype=torch.float64)
        numbers[3:].view(3, self.size)[:, self.rank] = self._figures()
        dist.all_reduce(numbers)
        self._wishes = _Wishes(bool(numbers[0]), bool(numbers[1]) or self._wishes.checkpoint, float(numbers[2]))
        self._sums += numbers[3:].view(3, self.size)
        self._step = _Step()
        self._begun += 1
        if self._begun > _WARM_UP_STEPS:
            self._steps.append(self._step)

    def _figures(self) -> Tensor:
        """Tokens, seconds of computing and of waiting in the steps that are over, and were not counted yet."""
        figures = torch.zeros(3, dtype=torch.float64)
        while self._steps and self._steps[0].passes and self._watch.passed(self._steps[0].passes[-1][1]):
            step = self._steps.pop(0)
            waited = self._watch.seconds(step.ready, step.passes[-1][1])
            taken = sum(self._watch.seconds(began, ended) for began, ended in step.passes)
            figures += torch.tensor((step.tokens, taken - waited, waited), dtype=torch.float64)
        return figures

    @property
    def stopping(self) -> bool:
        return self._wishes.stop

    @property
    def learning_rate_scale(self) -> float:
        return self._wishes.scale

    def take_checkpoint_request(self) -> bool:
        asked, self._wishes.checkpoint = self._wishes.checkpoint, False
        return asked

    @contextmanager
    def passing(self, turn: Turn, tokens: int) -> Iterator[None]:
        """Gradients travel in the last pass alone."""
        assert self._wrapped is not None
        began = self._watch.now()
        with nullcontext() if turn.last else self._wrapped.no_sync():
            yield
        self._step.passes.append((began, self._watch.now()))
        self._step.tokens += tokens if turn.counts else 0

    def total(self, loss: Tensor) -> Tensor:
        whole = loss.clone()
        dist.all_reduce(whole)
        return whole

    def measured(self, step: int) -> ProcessesMeasured | None:
        tokens, computing, waiting = self._sums
        if not self.leads or float((computing + waiting).max()) < _TELL_SECONDS or not bool((computing > 0).all()):
            return None
        self._sums = torch.zeros_like(self._sums)
        return ProcessesMeasured(
            step=step,
            tokens_per_second=tuple((tokens / computing).tolist()),
            waiting=tuple((waiting / (computing + waiting)).tolist()),
        )
