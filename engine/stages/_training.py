"""What every stage that trains a model has in common: it goes on from a checkpoint if there is one, tells what it is
about to do, and saves whatever happens."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.batches.packed import Batches
from engine.device import Measurement, choose_device, describe, measure_precision, set_threads
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Compiled,
    Compiling,
    Event,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
)
from engine.generation.loaded import LoadedModel
from engine.memory import keep_freed_memory
from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights
from engine.pipeline.stage import Context
from engine.stages._training_plan import write_plan
from engine.store.checkpoint import load_checkpoint, newest_valid, passed_over, prune_checkpoints, save_checkpoint
from engine.store.files import read_json
from engine.store.machine import read_machine, write_machine
from engine.tokenizer.tokenizer import Tokenizer
from engine.training.compiled import compile_objective
from engine.training.loop import Trainer
from engine.training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer
from engine.training.plan import Plan
from engine.training.precision import Precision
from engine.training.ranks import Alone

_STEPS_THAT_TELL = 20


class TrainingRun(ABC):
    """plan, tokenizer, tokenizer_folder: set by the stage before `run`. saved_step: of the newest checkpoint."""

    plan: Plan
    tokenizer: Tokenizer
    tokenizer_folder: Path
    trainer: Trainer
    ranks: Alone
    live: LoadedModel

    def __init__(self, context: Context, precision: str, compile_first: bool) -> None:
        """precision: "auto" or a type. compile_first: whether torch compiles the model before the first step."""
        self.context = context
        self.wanted_precision = precision
        self.compile_first = compile_first
        self.root = context.run_folder.checkpoints
        self.device = choose_device(context.device)
        self.threads = set_threads(context.threads)
        self.saved_step = 0
        self.compile_seconds = 0.0
        keep_freed_memory()

    @abstractmethod
    def batches(self) -> Batches:
        """What the steps are taken from."""

    @abstractmethod
    def new_model(self) -> Transformer:
        """As it is before the first step; torch's random numbers are seeded."""

    @abstractmethod
    def evaluate(self) -> Iterator[Event]:
        """A look at what is held out."""

    def sample(self) -> Iterator[Event]:
        """Writes something, for a person to see how far it is."""
        yield from ()

    def facts(self) -> dict[str, Any]:
        """What plan.json says beside the plan."""
        return {}

    def state(self) -> dict[str, Any]:
        """What a checkpoint says beside what all say."""
        return {}

    def trained(self) -> dict[str, dict[str, Tensor]]:
        """The tensors of a checkpoint that are learned, by group."""
        return {"model": self.ranks.whole(weights(self.trainer.model))}

    def take_trained(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """The inverse, from a checkpoint."""
        model = self.trainer.model
        load_weights(model, self.ranks.spread(tensors["model"], model))

    def trained_groups(self) -> tuple[str, ...]:
        return ("model",)

    def figures(self) -> dict[str, float | int | str]:
        """Of the finished model, beside its size, steps and tokens."""
        return {}

    def gather(self) -> Iterator[Event]:
        """Reads what it learns from, where that takes its time; `plan` stands afterwards."""
        yield from ()

    def begin(self) -> Iterator[Event]:
        """What is to be told or looked at before the first step."""
        yield from ()

    def conclude(self) -> Iterator[Event]:
        """After the last step, when the model is finished and was not stopped."""
        yield from ()

    def rank(self) -> Alone:
        return Alone(self.context.control)

    def settled(self, precision: Precision, checkpoint: Path | None) -> None:  # noqa: B027 most have nobody to tell
        """Precision and beginning are known."""

    def run(self) -> Iterator[Event]:
        yield from self.gather()
        if not self.context.control.stopping:
            yield from self._run()

    def _run(self) -> Iterator[Event]:
        checkpoint = newest_valid(self.root)
        saved: dict[str, Any] = read_json(checkpoint / "state.json") if checkpoint else {}
        measured = measure_precision(self.device)
        precision = self._choose_precision(measured, saved.get("precision"))
        self.settled(precision, checkpoint)
        self.build(precision)
        self._write_plan(measured, precision)
        yield from self._tell_damage(checkpoint)
        if checkpoint:
            yield from self.go_on_from(checkpoint, saved)
        elif any(isinstance(event, StepMetrics) for event in self.context.run_folder.all_events()):
            yield Resumed(step=0)  # it ended before its first checkpoint: what it told is void
        self.live = self.context.live = self._alive(precision)
        yield Notice(text=f"{describe(self.device)}, {precision.dtype}, bf16 measured {measured.speedup:.1f}x")
        yield from self.begin()
        first, began = self.trainer.step, time.perf_counter()
        try:
            for event in self.unbroken():
                self.live.step = self.trainer.step
                yield event
            if self.context.control.stopping:
                yield StateChanged(step=self.trainer.step, state=RunState.STOPPING.value)
            if self.trainer.step > self.saved_step:
                yield StateChanged(step=self.trainer.step, state=RunState.SAVING.value)
                yield from self.save()
        finally:
            # Closed from outside or failed: what was learned so far is kept all the same.
            # Of weights that are shared out no process can do that alone: then the last checkpoint stands.
            if self.trainer.step > self.saved_step and not self.ranks.together and self._weights_are_finite():
                self.write_checkpoint()
        self._remember_speed(first, time.perf_counter() - began)
        if self.trainer.over or self.trainer.step == self.plan.training.steps:
            yield from self.conclude()
            yield self._ready()

    def _alive(self, precision: Precision) -> LoadedModel:
        return LoadedModel(
            model=self.trainer.model,
            tokenizer=self.tokenizer,
            device=str(self.device),
            dtype=precision.dtype,
            label=self.context.name,
            step=self.trainer.step,
            chat_template=self.state().get("chat_template"),
        )

    def prepare(self) -> Iterator[Event]:
        """What is to be done between loading weights and the first step, in every process."""
        if self.compile_first:
            yield Compiling(step=self.trainer.step)
            self.compile_seconds = compile_objective(self.trainer)
            yield Compiled(step=self.trainer.step, duration=self.compile_seconds)
        self.trainer.objective = self.trainer.ranks.join(self.trainer.objective)

    def unbroken(self) -> Iterator[Event]:
        """Prepares and trains."""
        yield from self.prepare()
        yield from self.trainer.run()

    def _choose_precision(self, measured: Measurement, saved: str | None) -> Precision:
        """A resumed run keeps the precision that it began with: its losses must go on, not merely nearly."""
        wanted = self.wanted_precision if self.wanted_precision != "auto" else measured.dtype
        return Precision(self.device.type, saved or wanted)

    def build(self, precision: Precision) -> None:
        batches = self.batches()
        precision.prepare()
        torch.manual_seed(self.context.seed)
        model = self.new_model()
        self.ranks = self.rank()
        self.place(model)
        self.trainer = Trainer(
            model,
            build_optimizer(model, self.plan.training, precision),
            self.plan.training,
            batches,
            precision,
            self.context.control,
            self.context.seed,
            evaluate=self.evaluate,
            sample=self.sample,
            save=self.save,
            ranks=self.ranks,
        )

    def place(self, model: Transformer) -> None:
        model.to(self.device)

    def _write_plan(self, measured: Measurement, precision: Precision) -> None:
        """Its estimate is the one that was said before Start: what was measured since then is for the next."""
        before = read_machine(self.context.workspace)
        machine = before.with_peak(self.device.type, measured.dtype, measured.speedup, measured.flops_per_second)
        write_machine(self.context.workspace, machine)
        facts = {
            "device": describe(self.device),
            "threads": self.threads,
            "precision": precision.dtype,
            "bf16_speedup": measured.speedup,
            "peak_flops": machine.peak_flops,
            **self.facts(),
        }
        write_plan(self.context.run_folder.path, self.plan, facts, before.flops_for(self.size), self.more_seconds())

    def more_seconds(self) -> float:
        """What it will take beside its steps and a look at held-out text."""
        return 0.0

    @property
    def size(self) -> int:
        return self.plan.model.parameters()

    def _tell_damage(self, taken: Path | None) -> Iterator[Event]:
        damaged = [path.name for path in passed_over(self.root, taken)]
        if damaged:
            names = f"{' and '.join(damaged)} {'is' if len(damaged) == 1 else 'are'} damaged"
            words = f"the run goes on from {taken.name}" if taken else "the run begins anew"
            yield Notice(text=f"{names}, so {words}.", level="warning")

    def go_on_from(self, folder: Path, saved: dict[str, Any]) -> Iterator[Event]:
        checkpoint = load_checkpoint(folder, (*self.trained_groups(), "optimizer", "random"))
        self.take_trained(checkpoint.tensors)
        model = self.trainer.model
        restore_optimizer(model, self.trainer.optimizer, self.ranks.spread(checkpoint.tensors["optimizer"], model))
        torch.set_rng_state(checkpoint.tensors["random"]["cpu"])
        self.trainer.step = self.saved_step = checkpoint.step
        self.trainer.micro_rows = self.shared_out(int(saved.get("micro_rows", self.trainer.micro_rows)))
        self.context.control.scale_learning_rate(float(saved["learning_rate_scale"]))
        yield Resumed(step=checkpoint.step)

    def shared_out(self, micro_rows: int) -> int:
        """So many rows at a time, as far as they are this process's."""
        return micro_rows

    def save(self) -> Iterator[Event]:
        began = time.perf_counter()
        folder = self.write_checkpoint()
        if folder is None:
            return
        size = sum(path.stat().st_size for path in folder.iterdir())
        duration = time.perf_counter() - began
        yield CheckpointSaved(step=self.trainer.step, folder=folder.name, bytes=size, duration=duration)

    def write_checkpoint(self) -> Path | None:
        """None in a process that only lends its share of the weights."""
        trainer = self.trainer
        tensors = {
            **self.trained(),
            "optimizer": self.ranks.whole(optimizer_tensors(trainer.model, trainer.optimizer)),
            "random": {"cpu": torch.get_rng_state()},
        }
        if not self.ranks.leads:
            self.saved_step = trainer.step
            return None
        state = {
            "step": trainer.step,
            "tokens": trainer.tokens,
            "seed": self.context.seed,
            "learning_rate_scale": self.context.control.learning_rate_scale,
            "precision": trainer.precision.dtype,
            "micro_rows": trainer.micro_rows,
            "threads": self.threads,
            "model": self.plan.model.model_dump(),
            "tokenizer": self.context.relative(self.tokenizer_folder),
            "tokenizer_hash": self.tokenizer.hash,
            **self.state(),
        }
        folder = save_checkpoint(self.root, trainer.step, tensors, state)
        self.saved_step = trainer.step
        prune_checkpoints(self.root, self.plan.training.keep_checkpoints, folder, self.kept())
        return folder

    def kept(self) -> frozenset[str]:
        """Names of checkpoints that stay however old they are."""
        return frozenset()

    def _weights_are_finite(self) -> bool:
        return all(bool(torch.isfinite(p).all()) for p in self.trainer.model.parameters())

    def _remember_speed(self, first: int, seconds: float) -> None:
        done = self.trainer.step - first
        if done < _STEPS_THAT_TELL or not self.tells_speed:
            return
        reached = done * self.plan.batch_tokens * self.plan.model.flops_per_token() / seconds
        machine = read_machine(self.context.workspace)
        write_machine(self.context.workspace, machine.with_training(self.size, reached))

    @property
    def tells_speed(self) -> bool:
        """Whether its speed is that of one process that pretrains: what is remembered for estimates."""
        return True

    def _ready(self) -> ArtifactReady:
        steps, tokens = self.trainer.step, self.trainer.tokens
        figures: dict[str, float | int | str] = {"parameters": self.size, "steps": steps, "tokens": tokens}
        if self.compile_seconds:
            figures["seconds_of_compiling"] = round(self.compile_seconds, 1)
        return ArtifactReady(
            step=steps,
            kind="model",
            folder=self.context.relative(self.context.run_folder.path),
            reused=False,
            figures=figures | self.figures(),
        )
