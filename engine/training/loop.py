"""The training loop: one step after another, told as events, stoppable between any two micro-batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from engine.batches.packed import Batches
from engine.control import Control
from engine.device import memory_bytes
from engine.errors import CutawayError
from engine.events import ControlApplied, Event, HealthAlarm, MemoryRanOut, StepMetrics, Tick
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken
from engine.training.feed import Feed, Rows
from engine.training.health import Health
from engine.training.optimizers import set_learning_rate, withhold
from engine.training.out_of_memory import is_out_of_memory, row_too_large, rows_too_many, update_too_large
from engine.training.plan import TrainingConfig
from engine.training.precision import Precision
from engine.training.ranks import Alone, Turn
from engine.training.readings import LateReading, Reading
from engine.training.schedule import learning_rate

_RATIO_EVERY = 10


class Trainer:
    """Owns the step counter. The batch, and with dropout the random numbers, follow from (seed, step, micro-batch),
    so that a run that was interrupted anywhere goes on exactly as if it had not been.

    objective: (inputs, targets[, segments]) -> mean loss of what is learned; what compiling or several devices wrap.
    micro_rows: of one forward pass; halved when memory runs out. over: set to end before the last step.
    late: numbers are read one step late, or when something is due, so that a GPU never waits for the program; what is
    not finite is withheld on the device then. ranks: the other processes that train the same model, if there are any.
    evaluate, sample, save: what to do when a look at held-out text, a sample or a checkpoint is due; they yield events
    of their own.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        config: TrainingConfig,
        batches: Batches,
        precision: Precision,
        control: Control,
        seed: int,
        *,
        evaluate: Callable[[], Iterator[Event]],
        sample: Callable[[], Iterator[Event]],
        save: Callable[[], Iterator[Event]],
        ranks: Alone | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.config = config
        self.batches = batches
        self.precision = precision
        self.control = control
        self.seed = seed
        self.evaluate = evaluate
        self.sample = sample
        self.save = save
        self.ranks = ranks or Alone(control)
        self.step = 0
        self.scale = 1.0
        self.over = False
        self.objective: torch.nn.Module = NextToken(model)
        self.micro_rows = config.micro_rows
        self._health = Health(model)
        self._device = next(model.parameters()).device
        self._feed = Feed(batches, self._device)
        self.late = self._device.type == "cuda"
        self._unread: LateReading | None = None
        self._busy = 0.0

    @property
    def tokens(self) -> int:
        return self.batches.tokens_before(self.step)

    def run(self) -> Iterator[Event]:
        """Until the last step or until the control asks to stop; then the last complete step stands."""
        self.model.train()
        self._agree()
        self.scale = self.ranks.learning_rate_scale
        while self.step < self.config.steps and not self.over and not self.ranks.stopping:
            yield from self._apply_scale()
            before = self.step
            yield from self._one_step()
            if self.step > before and (self.ranks.leads or self.ranks.together):
                yield from self._between_steps()
            self._agree()
        yield from self._read_now()

    def _agree(self) -> None:
        began = time.perf_counter()
        self.ranks.agree()
        self._busy += time.perf_counter() - began

    def _apply_scale(self) -> Iterator[Event]:
        if self.ranks.learning_rate_scale != self.scale:
            self.scale = self.ranks.learning_rate_scale
            yield ControlApplied(step=self.step, name="learning_rate_scale", value=self.scale)

    def _one_step(self) -> Iterator[Event]:
        """Leaves the model as it was when it is stopped between micro-batches, or when memory runs out: then the step
        begins again, with smaller ones."""
        began = time.perf_counter()
        batch = self._feed.take(self.step)
        losses: list[Tensor] = []
        starts = range(0, len(batch), self.micro_rows)
        for turn in self.ranks.turns(len(starts)):
            rows = batch[starts[turn.micro] : starts[turn.micro] + self.micro_rows]
            loss = self._attempt(rows, sum(batch.counted), turn)
            self._busy += time.perf_counter() - began
            if loss is None:
                yield from self._halve()
                return
            losses.append(loss)
            if self.ranks.size == 1:  # of several, none may rest while the others wait for its gradients
                yield Tick()
            if self.ranks.stopping:
                self.optimizer.zero_grad(set_to_none=True)
                return
            began = time.perf_counter()
        yield from self._finish(self.ranks.total(torch.stack(losses).sum()), began)

    def _attempt(self, rows: Rows, counted: int, turn: Turn) -> Tensor | None:
        """counted: targets of the whole batch. None when memory ran out. It is left behind the `except` alone that the
        failed pass lets go of its tensors: the error's traceback holds them."""
        share = sum(rows.counted) / max(counted, 1) if turn.counts else 0.0
        try:
            with self.ranks.passing(turn, rows.size):
                return self._micro_batch(rows.tensors, share, turn.micro)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return None

    def _micro_batch(self, tensors: tuple[Tensor, ...], share: float, micro: int) -> Tensor:
        """Adds the gradient of this share of the batch; returns its share of the mean loss."""
        if self.model.config.dropout:
            torch.manual_seed(hash((self.seed, self.step, micro)) & 0x7FFF_FFFF_FFFF_FFFF)
        with self.precision.autocast():
            loss: Tensor = self.objective(*tensors) * share
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def row_counts(self) -> set[int]:
        """Of the micro-batches: the usual one, and the last one where the batch cannot be shared out evenly."""
        return {self.micro_rows, self.config.batch_rows % self.micro_rows} - {0}

    def rehearse(self, rows: int) -> None:
        """One pass over rows of nothing: what is prepared at the first use is prepared now. Leaves gradients."""
        self.model.train()
        shape = rows, self.batches.context_length
        nothing = torch.zeros(shape, dtype=torch.int64, device=self._device)
        self._micro_batch((nothing,) * len(self.batches.batch(0)), 1.0, 0)

    def _halve(self) -> Iterator[Event]:
        """Smaller micro-batches and more of them from now on. Raises CutawayError when they are of one row already."""
        self.optimizer.zero_grad(set_to_none=True)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if self.micro_rows == 1:
            raise row_too_large(self.batches.context_length)
        if self.ranks.size > 1:
            raise rows_too_many(self.micro_rows, self.ranks.size)
        self.micro_rows //= 2
        passes = math.ceil(self.config.batch_rows / self.micro_rows)
        yield MemoryRanOut(step=self.step, rows=self.micro_rows, passes=passes)

    def _finish(self, loss: Tensor, began: float) -> Iterator[Event]:
        """The update, and what is told of it."""
        rate = learning_rate(self.config, self.step) * self.scale
        norm = self.ranks.clip(self.model.parameters(), self.config.clip)
        if self.late:
            withhold(self.optimizer, ~torch.isfinite(loss + norm))
            earlier, self._unread = self._unread, LateReading(self.step + 1, rate, loss, norm, self._update(rate))
            self._next_step()
            reading = earlier.read() if earlier else None
            alarm = self._check(reading) if reading else None
        else:
            reading = Reading(self.step + 1, rate, float(loss), float(norm), 0.0)
            alarm = self._check(reading)
            if alarm is None:
                reading = replace(reading, ratio=float(self._update(rate)))
            self._next_step()
        self._busy += time.perf_counter() - began
        if reading is not None:
            yield from self._tell(reading, alarm)

    def _next_step(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.step < self.config.steps:
            self._feed.prepare(self.step)

    def _check(self, reading: Reading) -> HealthAlarm | None:
        return self._health.check(reading.step, reading.loss, reading.norm, reading.rate)

    def _read_now(self) -> Iterator[Event]:
        """What a late reading has not told yet."""
        if self._unread is None:
            return
        began = time.perf_counter()
        reading, self._unread = self._unread.read(), None
        self._busy += time.perf_counter() - began
        yield from self._tell(reading, self._check(reading))

    def _update(self, rate: float) -> Tensor:
        """One step of the optimizer. Returns |update| / |weights|, every tenth step, else 0: it costs a copy."""
        set_learning_rate(self.optimizer, rate)
        if self.step % _RATIO_EVERY or self.ranks.together:
            self._move()
            return torch.zeros((), device=self._device)
        weights = [p.detach() for p in self.model.parameters() if p.requires_grad]
        before = [w.clone() for w in weights]
        size: Tensor = torch.stack(torch._foreach_norm(before)).norm()
        self._move()
        change: Tensor = torch.stack(torch._foreach_norm(torch._foreach_sub(weights, before))).norm()
        return change / size

    def _move(self) -> None:
        try:
            self.optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise update_too_large(self.model.config.parameters()) from error

    def _tell(self, reading: Reading, alarm: HealthAlarm | None) -> Iterator[Event]:
        tokens, before = (self.batches.tokens_before(step) for step in (reading.step, reading.step - 1))
        speed, self._busy = (tokens - before) / max(self._busy, 1e-9), 0.0
        yield StepMetrics(
            step=reading.step,
            tokens=tokens,
            loss=reading.loss,
            learning_rate=reading.rate,
            grad_norm=reading.norm,
            clipped=reading.norm > self.config.clip,
            tokens_per_second=speed,
            update_ratio=reading.ratio,
            memory_bytes=memory_bytes(self._device),
        )
        measured = self.ranks.measured(reading.step)
        if measured is not None:
            yield measured
        if alarm is not None:
            self.control.pause()
            yield alarm

    def _between_steps(self) -> Iterator[Event]:
        config, last = self.config, self.step == self.config.steps
        if self.step % config.evaluate_every == 0 or last:
            yield from self._read_now()
            yield from self.evaluate()
        if self.step % config.sample_every == 0 or last:
            yield from self._read_now()
            yield from self.sample()
        asked = self.ranks.take_checkpoint_request()
        if asked:
            yield ControlApplied(step=self.step, name="checkpoint")
        if asked or self.step % config.checkpoint_every == 0:
            yield from self.save_or_wait()

    def save_or_wait(self) -> Iterator[Event]:
        """A checkpoint that cannot be written pauses the run: after the cause is mended it is tried again."""
        yield from self._read_now()
        while not self.control.stopping:
            try:
                yield from self.save()
                return
            except CutawayError as error:
                if self.ranks.together:  # the others are on their way already, and would have to save again too
                    raise
                self.control.pause()
                yield HealthAlarm(
                    step=self.step, cause="disk", what=error.what, why=error.why, remedy=f"{error.remedy} Then resume."
                )
