"""The training loop: one step after another, told as events, stoppable between any two micro-batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batches.packed import Batch, PackedBatches
from engine.control import Control
from engine.device import memory_bytes
from engine.errors import CutawayError
from engine.events import ControlApplied, Event, HealthAlarm, StepMetrics, Tick, Validation
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken
from engine.training.evaluate import bits_per_byte, mean_loss
from engine.training.health import Health
from engine.training.optimizers import set_learning_rate
from engine.training.plan import TrainingConfig
from engine.training.precision import Precision
from engine.training.schedule import learning_rate

_RATIO_EVERY = 10


@dataclass(frozen=True)
class Data:
    """validation, train_probe: fixed rows of equal number. tokens_per_byte: of the validation text."""

    batches: PackedBatches
    validation: Sequence[Batch]
    train_probe: Sequence[Batch]
    tokens_per_byte: float


class Trainer:
    """Owns the step counter. The batch, and with dropout the random numbers, follow from (seed, step, micro-batch),
    so that a run that was interrupted anywhere goes on exactly as if it had not been.

    sample, save: what to do when a sample or a checkpoint is due; they yield events of their own.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        config: TrainingConfig,
        data: Data,
        precision: Precision,
        control: Control,
        seed: int,
        *,
        sample: Callable[[], Iterator[Event]],
        save: Callable[[], Iterator[Event]],
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.config = config
        self.data = data
        self.precision = precision
        self.control = control
        self.seed = seed
        self.sample = sample
        self.save = save
        self.step = 0
        self.scale = 1.0
        self.objective: torch.nn.Module = NextToken(model)
        self._health = Health(model)
        self._device = next(model.parameters()).device

    @property
    def tokens(self) -> int:
        return self.step * self.config.batch_rows * self.model.config.context_length

    def run(self) -> Iterator[Event]:
        """Until the last step or until the control asks to stop; then the last complete step stands."""
        self.model.train()
        self.scale = self.control.learning_rate_scale
        while self.step < self.config.steps and not self.control.stopping:
            yield from self._apply_scale()
            before = self.step
            yield from self._one_step()
            if self.step > before:
                yield from self._between_steps()

    def _apply_scale(self) -> Iterator[Event]:
        if self.control.learning_rate_scale != self.scale:
            self.scale = self.control.learning_rate_scale
            yield ControlApplied(step=self.step, name="learning_rate_scale", value=self.scale)

    def _one_step(self) -> Iterator[Event]:
        """Leaves the model as it was when it is stopped between micro-batches."""
        rate = learning_rate(self.config, self.step) * self.scale
        inputs, targets = self.data.batches.batch(self.step)
        losses: list[Tensor] = []
        busy = 0.0
        for micro, start in enumerate(range(0, len(inputs), self.config.micro_rows)):
            began = time.perf_counter()
            rows = slice(start, start + self.config.micro_rows)
            losses.append(self._micro_batch(inputs[rows], targets[rows], len(inputs), micro))
            busy += time.perf_counter() - began
            yield Tick()
            if self.control.stopping:
                self.optimizer.zero_grad(set_to_none=True)
                return
        began = time.perf_counter()
        loss = float(torch.stack(losses).sum())
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip))
        alarm = self._health.check(self.step + 1, loss, norm, rate)
        ratio = self._update(rate) if alarm is None else 0.0
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        busy += time.perf_counter() - began
        yield self._metrics(loss, rate, norm, ratio, inputs.size / busy)
        if alarm is not None:
            self.control.pause()
            yield alarm

    def _micro_batch(self, inputs: object, targets: object, batch_rows: int, micro: int) -> Tensor:
        """Adds the gradient of this share of the batch; returns its share of the mean loss."""
        x = torch.as_tensor(inputs).to(self._device, non_blocking=True)
        y = torch.as_tensor(targets).to(self._device, non_blocking=True)
        if self.model.config.dropout:
            torch.manual_seed(hash((self.seed, self.step, micro)) & 0x7FFF_FFFF_FFFF_FFFF)
        with self.precision.autocast():
            loss: Tensor = self.objective(x, y) * (len(x) / batch_rows)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _update(self, rate: float) -> float:
        """One step of the optimizer. Returns |update| / |weights|, every tenth step, else 0: it costs a copy."""
        set_learning_rate(self.optimizer, rate)
        if self.step % _RATIO_EVERY:
            self.optimizer.step()
            return 0.0
        weights = [p.detach() for p in self.model.parameters()]
        before = [w.clone() for w in weights]
        size = torch.stack(torch._foreach_norm(before)).norm()
        self.optimizer.step()
        change = torch.stack(torch._foreach_norm(torch._foreach_sub(weights, before))).norm()
        return float(change / size)

    def _metrics(self, loss: float, rate: float, norm: float, ratio: float, speed: float) -> StepMetrics:
        return StepMetrics(
            step=self.step,
            tokens=self.tokens,
            loss=loss,
            learning_rate=rate,
            grad_norm=norm,
            clipped=norm > self.config.clip,
            tokens_per_second=speed,
            update_ratio=ratio,
            memory_bytes=memory_bytes(self._device),
        )

    def _between_steps(self) -> Iterator[Event]:
        config, last = self.config, self.step == self.config.steps
        if self.step % config.evaluate_every == 0 or last:
            yield from self._evaluate()
        if self.step % config.sample_every == 0 or last:
            yield from self.sample()
        asked = self.control.take_checkpoint_request()
        if asked:
            yield ControlApplied(step=self.step, name="checkpoint")
        if asked or self.step % config.checkpoint_every == 0:
            yield from self._save_or_wait()

    def _evaluate(self) -> Iterator[Event]:
        means = []
        for batches in (self.data.validation, self.data.train_probe):
            for result in mean_loss(self.model, batches, self.precision):
                if isinstance(result, Event):
                    yield result
                else:
                    means.append(result)
                if self.control.stopping:
                    return
        loss, train = means
        bits = bits_per_byte(loss, self.data.tokens_per_byte)
        yield Validation(step=self.step, tokens=self.tokens, loss=loss, bits_per_byte=bits, train_loss=train)

    def _save_or_wait(self) -> Iterator[Event]:
        """A checkpoint that cannot be written pauses the run: after the cause is mended it is tried again."""
        while not self.control.stopping:
            try:
                yield from self.save()
                return
            except CutawayError as error:
                self.control.pause()
                yield HealthAlarm(
                    step=self.step, cause="disk", what=error.what, why=error.why, remedy=f"{error.remedy} Then resume."
                )
