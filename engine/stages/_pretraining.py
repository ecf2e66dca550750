"""The work behind `pretrain.py`, kept apart because it needs torch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.batches.token_shards import TokenShards, check_tokenizer
from engine.device import Measurement, choose_device, describe, measure_precision, set_threads
from engine.errors import CutawayError
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
    TextSample,
)
from engine.generation.decoder import generate
from engine.generation.loaded import LoadedModel
from engine.generation.sampling import SamplingConfig
from engine.memory import keep_freed_memory
from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights
from engine.pipeline.stage import Context, Restart
from engine.stages import pretrain
from engine.store.checkpoint import load_checkpoint, newest_valid, passed_over, prune_checkpoints, save_checkpoint
from engine.store.files import read_json, write_json
from engine.store.machine import read_machine, size_key, write_machine
from engine.tokenizer.tokenizer import load_tokenizer
from engine.training.compiled import compile_objective
from engine.training.distributed import Ranks, is_lost
from engine.training.loop import Data, Trainer
from engine.training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer
from engine.training.plan import Plan
from engine.training.precision import Precision
from engine.training.ranks import Alone

SAMPLE_TEMPERATURE = 0.7
BEGINNING = "pretraining"
_STEPS_THAT_TELL = 20


class Pretraining:
    """Builds model, data and trainer, goes on from a checkpoint if there is one, and saves whatever happens."""

    def __init__(self, config: pretrain.Config, context: Context) -> None:
        self.config = config
        self.context = context
        self.root = context.run_folder.checkpoints
        self.group = context.group
        self.device = choose_device(context.device)
        self.threads = set_threads(context.threads)
        if self.group is not None:
            self.device = self.group.device(self.device)
            self.threads = set_threads(self.group.threads(self.threads))
        keep_freed_memory()
        self.tokenizer = load_tokenizer(context.parent("tokenizer").folder)
        self.shards = TokenShards(context.parent("shards").folder)
        check_tokenizer(self.shards, self.tokenizer)
        self.plan = self._roomy(pretrain.plan(config, self.tokenizer.vocab_size))
        self.take_rows(self._shared_out(self.plan.training.micro_rows))
        self.saved_step = 0
        self.compile_seconds = 0.0

    def run(self) -> Iterator[Event]:
        checkpoint = newest_valid(self.root)
        saved: dict[str, Any] = read_json(checkpoint / "state.json") if checkpoint else {}
        measured = measure_precision(self.device)
        precision = self._choose_precision(measured, saved.get("precision"))
        self._tell_others(precision, checkpoint)
        self.build(precision)
        self._write_plan(measured, precision)
        yield from self._tell_damage(checkpoint)
        if checkpoint:
            yield from self.go_on_from(checkpoint, saved)
        elif any(isinstance(event, StepMetrics) for event in self.context.run_folder.all_events()):
            yield Resumed(step=0)  # it ended before its first checkpoint: what it told is void
        self.live = self.context.live = LoadedModel(
            model=self.trainer.model,
            tokenizer=self.tokenizer,
            device=str(self.device),
            dtype=precision.dtype,
            label=self.context.name,
            step=self.trainer.step,
        )
        yield Notice(text=f"{describe(self.device)}, {precision.dtype}, bf16 measured {measured.speedup:.1f}x")
        yield from self._tell_restart()
        first, began = self.trainer.step, time.perf_counter()
        try:
            for event in self._unbroken():
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
                self._write_checkpoint()
        self._remember_speed(first, time.perf_counter() - began)
        if self.trainer.step == self.plan.training.steps:
            yield self._ready()

    def _shared_out(self, micro_rows: int) -> int:
        """So many rows at a time, but few enough that every process has some of each batch."""
        processes = self.group.size if self.group is not None else 1
        return min(micro_rows, math.ceil(self.plan.training.batch_rows / processes))

    def take_rows(self, micro_rows: int) -> None:
        training = self.plan.training.model_copy(update={"micro_rows": micro_rows})
        self.plan = self.plan.model_copy(update={"training": training})

    def _roomy(self, plan: Plan) -> Plan:
        """On a GPU as many rows at a time as fit, unless their number was set: it works best on much at once."""
        if self.device.type != "cuda" or plan.origins["micro_rows"] != "derived":
            return plan
        free, _ = torch.cuda.mem_get_info(self.device)
        return plan.for_memory(free)

    def prepare(self) -> Iterator[Event]:
        """What is to be done between loading weights and the first step, in every process."""
        if self.config.compile:
            yield Compiling(step=self.trainer.step)
            self.compile_seconds = compile_objective(self.trainer)
            yield Compiled(step=self.trainer.step, duration=self.compile_seconds)
        self.trainer.objective = self.trainer.ranks.join(self.trainer.objective)

    def _unbroken(self) -> Iterator[Event]:
        """Prepares and trains. Another process that is lost in the meantime ends this one too, in words: with its own
        error if it told one, else with Restart; or it makes no difference, because all are to stop."""
        try:
            yield from self.prepare()
            yield from self.trainer.run()
        except RuntimeError as error:
            if self.group is None or not is_lost(error):
                raise
            failure = self.group.failure()
            if failure is not None:
                raise failure from error
            if not self.context.control.stopping:
                raise Restart("A process was lost. All begin again from the last checkpoint.") from error

    def _tell_restart(self) -> Iterator[Event]:
        if self.group is not None and self.group.restarts:
            step = f"step {self.trainer.step:,}" if self.trainer.step else "the beginning"
            words = f"A process was lost, so all {self.group.size} were started again and go on from {step}."
            yield Notice(step=self.trainer.step, text=words, level="warning")

    def _tell_others(self, precision: Precision, checkpoint: Path | None) -> None:
        """What follows from this process's measurements and files must be the same in all; and they must build the
        model at the same time, because weights that are shared out are handed out."""
        if self.group is None:
            return
        name = checkpoint.name if checkpoint else None
        micro_rows = self.plan.training.micro_rows
        self.group.publish(BEGINNING, {"precision": precision.dtype, "checkpoint": name, "micro_rows": micro_rows})

    def _choose_precision(self, measured: Measurement, saved: str | None) -> Precision:
        """A resumed run keeps the precision that it began with: its losses must go on, not merely nearly."""
        wanted = self.config.precision if self.config.precision != "auto" else measured.dtype
        return Precision(self.device.type, saved or wanted)

    def _data(self) -> Data:
        model, training = self.plan.model, self.plan.training
        rows = training.micro_rows
        looks = max(1, training.evaluate_rows // rows)
        batches = PackedBatches(self.shards.train, model.context_length, training.batch_rows, self.context.seed)
        return Data(
            batches=batches,
            validation=list(validation_batches(self.shards.validation, model.context_length, rows, looks)),
            train_probe=list(validation_batches(self.shards.train, model.context_length, rows, looks)),
            tokens_per_byte=self.shards.facts.validation_tokens_per_byte,
        )

    def build(self, precision: Precision) -> None:
        data, control = self._data(), self.context.control
        precision.prepare()
        torch.manual_seed(self.context.seed)
        model = Transformer(self.plan.model)
        self.ranks = self._ranks(model)
        if not self.ranks.together:
            model.to(self.device)
        self.trainer = Trainer(
            model,
            build_optimizer(model, self.plan.training, precision),
            self.plan.training,
            data,
            precision,
            control,
            self.context.seed,
            sample=self._sample,
            save=self.save,
            ranks=self.ranks,
        )

    def _ranks(self, model: Transformer) -> Alone:
        if self.group is None:
            return Alone(self.context.control)
        if not self.config.shard:
            return Ranks(self.group, self.context.control, self.device)
        from engine.training.sharded import Shards, refuse_to_shard

        refuse_to_shard(self.plan.training)
        shards = Shards(self.group, self.context.control, self.device)
        shards.shard(model)
        return shards

    def _write_plan(self, measured: Measurement, precision: Precision) -> None:
        """`plan.json`: what the page shows before and beside the curve. Its estimate is the one that was said before
        Start: what was measured since then is for the next."""
        before = read_machine(self.context.workspace)
        machine = before.with_peak(self.device.type, measured.dtype, measured.speedup, measured.flops_per_second)
        write_machine(self.context.workspace, machine)
        facts = {
            "model": self.plan.model.model_dump(),
            "training": self.plan.training.model_dump(),
            "origins": self.plan.origins,
            "tokens": self.plan.tokens,
            "batch_tokens": self.plan.batch_tokens,
            "train_tokens": self.shards.facts.train_tokens,
            "device": describe(self.device),
            "threads": self.threads,
            "processes": self.group.size if self.group is not None else 1,
            "alone": self._speed_alone(),
            "precision": precision.dtype,
            "bf16_speedup": measured.speedup,
            "peak_flops": machine.peak_flops,
            "estimate": self._estimate_before_start() or asdict(self.plan.expected(before.flops_for(self._size))),
        }
        write_json(self._plan_file, facts)

    @property
    def _plan_file(self) -> Path:
        return self.context.run_folder.path / "plan.json"

    def _estimate_before_start(self) -> dict[str, Any] | None:
        """As it was said when the run began: a run that goes on does not rewrite it. None for one that begins."""
        if not self._plan_file.is_file():
            return None
        try:
            said: dict[str, Any] = read_json(self._plan_file)["estimate"]
        except (CutawayError, KeyError):
            return None  # torn by a crash, or of an earlier version
        return said

    def _speed_alone(self) -> float | None:
        """Tokens per second that one process reached here with a model of about this size, None if none did."""
        reached = read_machine(self.context.workspace).training_flops.get(size_key(self._size))
        return reached / self.plan.model.flops_per_token() if reached else None

    @property
    def _size(self) -> int:
        return self.plan.model.parameters()

    def _tell_damage(self, taken: Path | None) -> Iterator[Event]:
        damaged = [path.name for path in passed_over(self.root, taken)]
        if damaged:
            names = f"{' and '.join(damaged)} {'is' if len(damaged) == 1 else 'are'} damaged"
            words = f"the run goes on from {taken.name}" if taken else "the run begins anew"
            yield Notice(text=f"{names}, so {words}.", level="warning")

    def go_on_from(self, folder: Path, saved: dict[str, Any]) -> Iterator[Event]:
        checkpoint = load_checkpoint(folder, ("model", "optimizer", "random"))
        model, spread = self.trainer.model, self.ranks.spread
        load_weights(model, spread(checkpoint.tensors["model"], model))
        restore_optimizer(model, self.trainer.optimizer, spread(checkpoint.tensors["optimizer"], model))
        torch.set_rng_state(checkpoint.tensors["random"]["cpu"])
        self.trainer.step = self.saved_step = checkpoint.step
        self.trainer.micro_rows = self._shared_out(int(saved.get("micro_rows", self.trainer.micro_rows)))
        self.context.control.scale_learning_rate(float(saved["learning_rate_scale"]))
        yield Resumed(step=checkpoint.step)

    def _sample(self) -> Iterator[Event]:
        if self.ranks.together:
            return  # no process has the weights to write with
        prompt = self._prompt()
        sampling = SamplingConfig(temperature=SAMPLE_TEMPERATURE, seed=self.context.seed)
        pieces = []
        for token in generate(self.live, prompt, sampling, self.config.sample_tokens):
            pieces.append(token.text)
            if self.context.control.stopping:
                return
        step, text = self.trainer.step, "".join(pieces)
        yield TextSample(step=step, prompt=prompt, text=text, seed=sampling.seed, temperature=sampling.temperature)

    def _prompt(self) -> str:
        """The one that was set, else a person of the world, else how the held-out text begins."""
        if self.config.sample_prompt is not None:
            return self.config.sample_prompt
        corpus = self.context.parents.get("corpus")
        if corpus is not None and corpus.file("world.json").exists():
            world = read_json(corpus.file("world.json"))
            cloze = next(iter(world["attributes"].values()))["cloze"][0]
            return str(cloze.format(name=world["people"][0]["name"]))
        return self.tokenizer.decode(islice((int(i) for i in self.shards.validation[:64]), 6))

    def save(self) -> Iterator[Event]:
        began = time.perf_counter()
        folder = self._write_checkpoint()
        if folder is None:
            return
        size = sum(path.stat().st_size for path in folder.iterdir())
        duration = time.perf_counter() - began
        yield CheckpointSaved(step=self.trainer.step, folder=folder.name, bytes=size, duration=duration)

    def _write_checkpoint(self) -> Path | None:
        """None in a process that only lends its share of the weights."""
        trainer = self.trainer
        tensors = {
            "model": self.ranks.whole(weights(trainer.model)),
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
            "tokenizer": self.context.relative(self.context.parent("tokenizer").folder),
            "tokenizer_hash": self.tokenizer.hash,
        }
        folder = save_checkpoint(self.root, trainer.step, tensors, state)
        self.saved_step = trainer.step
        prune_checkpoints(self.root, self.plan.training.keep_checkpoints, folder)
        return folder

    def _weights_are_finite(self) -> bool:
        return all(bool(torch.isfinite(p).all()) for p in self.trainer.model.parameters())

    def _remember_speed(self, first: int, seconds: float) -> None:
        done = self.trainer.step - first
        if done < _STEPS_THAT_TELL or self.group is not None:  # what is remembered is the speed of one process
            return
        reached = done * self.plan.batch_tokens * self.plan.model.flops_per_token() / seconds
        machine = read_machine(self.context.workspace)
        write_machine(self.context.workspace, machine.with_training(self._size, reached))

    def _ready(self) -> ArtifactReady:
        steps, tokens = self.trainer.step, self.trainer.tokens
        figures: dict[str, float | int | str] = {"parameters": self._size, "steps": steps, "tokens": tokens}
        if self.compile_seconds:
            figures["seconds_of_compiling"] = round(self.compile_seconds, 1)
        return ArtifactReady(
            step=self.trainer.step,
            kind="model",
            folder=self.context.relative(self.context.run_folder.path),
            reused=False,
            figures=figures,
        )
