"""The work behind `pretrain.py`, kept apart because it needs torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from engine.batches.packed import PackedBatches, validation_batches
from engine.batches.token_shards import TokenShards, check_tokenizer
from engine.device import set_threads
from engine.events import Event, Notice, TextSample
from engine.generation.decoder import generate
from engine.generation.sampling import SamplingConfig
from engine.model.transformer import Transformer
from engine.pipeline.stage import Context, Restart
from engine.stages import pretrain
from engine.stages._training import TrainingRun
from engine.store.files import read_json
from engine.store.machine import read_machine, size_key
from engine.tokenizer.tokenizer import load_tokenizer
from engine.training.distributed import Ranks, is_lost
from engine.training.evaluate import HeldOut
from engine.training.plan import Plan
from engine.training.precision import Precision
from engine.training.ranks import Alone

SAMPLE_TEMPERATURE = 0.7
BEGINNING = "pretraining"


class Pretraining(TrainingRun):
    """A new model on packed text, in one process or in many."""

    def __init__(self, config: pretrain.Config, context: Context) -> None:
        super().__init__(context, config.precision, config.compile)
        self.config = config
        self.group = context.group
        if self.group is not None:
            self.device = self.group.device(self.device)
            self.threads = set_threads(self.group.threads(self.threads))
        self.tokenizer_folder = context.parent("tokenizer").folder
        self.tokenizer = load_tokenizer(self.tokenizer_folder)
        self.shards = TokenShards(context.parent("shards").folder)
        check_tokenizer(self.shards, self.tokenizer)
        self.plan = self._roomy(pretrain.plan(config, self.tokenizer.vocab_size))
        self.take_rows(self.shared_out(self.plan.training.micro_rows))

    def shared_out(self, micro_rows: int) -> int:
        """Few enough that every process has some of each batch."""
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

    def batches(self) -> PackedBatches:
        model, training, seed = self.plan.model, self.plan.training, self.context.seed
        rows = training.micro_rows
        looks = max(1, training.evaluate_rows // rows)
        validation, train = (
            list(validation_batches(tokens, model.context_length, rows, looks))
            for tokens in (self.shards.validation, self.shards.train)
        )
        self.held_out = HeldOut(validation, train, self.shards.facts.validation_tokens_per_byte)
        return PackedBatches(self.shards.train, model.context_length, training.batch_rows, seed)

    def new_model(self) -> Transformer:
        return Transformer(self.plan.model)

    def rank(self) -> Alone:
        if self.group is None:
            return super().rank()
        if not self.config.shard:
            return Ranks(self.group, self.context.control, self.device)
        from engine.training.sharded import Shards, refuse_to_shard

        refuse_to_shard(self.plan.training)
        return Shards(self.group, self.context.control, self.device)

    def place(self, model: Transformer) -> None:
        if not self.ranks.together:
            super().place(model)
            return
        from engine.training.sharded import Shards

        assert isinstance(self.ranks, Shards)
        self.ranks.shard(model)

    def settled(self, precision: Precision, checkpoint: Path | None) -> None:
        """What follows from this process's measurements and files must be the same in all; and they must build the
        model at the same time, because weights that are shared out are handed out."""
        if self.group is None:
            return
        name = checkpoint.name if checkpoint else None
        micro_rows = self.plan.training.micro_rows
        self.group.publish(BEGINNING, {"precision": precision.dtype, "checkpoint": name, "micro_rows": micro_rows})

    def begin(self) -> Iterator[Event]:
        if self.group is not None and self.group.restarts:
            step = f"step {self.trainer.step:,}" if self.trainer.step else "the beginning"
            words = f"A process was lost, so all {self.group.size} were started again and go on from {step}."
            yield Notice(step=self.trainer.step, text=words, level="warning")

    def unbroken(self) -> Iterator[Event]:
        """Another process that is lost in the meantime ends this one too, in words: with its own error if it told one,
        else with Restart; or it makes no difference, because all are to stop."""
        try:
            yield from super().unbroken()
        except RuntimeError as error:
            if self.group is None or not is_lost(error):
                raise
            failure = self.group.failure()
            if failure is not None:
                raise failure from error
            if not self.context.control.stopping:
                raise Restart("A process was lost. All begin again from the last checkpoint.") from error

    def facts(self) -> dict[str, Any]:
        return {
            "train_tokens": self.shards.facts.train_tokens,
            "processes": self.group.size if self.group is not None else 1,
            "alone": self._speed_alone(),
        }

    def _speed_alone(self) -> float | None:
        """Tokens per second that one process reached here with a model of about this size, None if none did."""
        reached = read_machine(self.context.workspace).training_flops.get(size_key(self.size))
        return reached / self.plan.model.flops_per_token() if reached else None

    @property
    def tells_speed(self) -> bool:
        return self.group is None

    def evaluate(self) -> Iterator[Event]:
        yield from self.held_out.measure(self.trainer)

    def sample(self) -> Iterator[Event]:
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
