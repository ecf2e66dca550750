"""The work behind `sft.py`, kept apart because it needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from torch import Tensor

from engine.batches.conversations import ConversationBatches, Fitted, fit, fixed_batches
from engine.batches.packed import Batch, PackedBatches, validation_batches
from engine.batches.token_shards import TokenShards
from engine.corpus.conversations.stored import read_facts, read_stored
from engine.errors import CutawayError
from engine.evaluation.exact_match import Answer
from engine.evaluation.movement import StoredWeights
from engine.events import Event, Notice, Progress, TuningCheck
from engine.generation.adapted import base_facts
from engine.generation.loaded import BEST, LoadedModel, load_model
from engine.model.growing import with_tokens
from engine.model.lora import attach, is_attached, load_lora, lora_weights, merge
from engine.model.lora_config import LoraConfig
from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights
from engine.pipeline.stage import Context
from engine.stages import sft
from engine.stages._training import TrainingRun
from engine.stages._tuning_data import Read, read_tokens, refuse_nothing_to_learn, text_of
from engine.stages._tuning_looks import Best, Looks, answers_of_base, share
from engine.store.artifact import making_artifact
from engine.store.checkpoint import load_checkpoint
from engine.store.files import read_json, sha256_json, write_json
from engine.tokenizer.chat_template import CHATML, ChatTemplate
from engine.tokenizer.chat_tokens import with_chat_tokens
from engine.tokenizer.tokenizer import Tokenizer, save_tokenizer
from engine.training.tuning_plan import looking_seconds, make_tuning_plan, row_length, text_rows

_T = TypeVar("_T")
_BASE_ANSWERS = "base_answers.json"
_LOOK_TOKENS = 16_384


class FineTuning(TrainingRun):
    """A model that is there, on conversations; all of its weights, or an addition to them (LoRA).

    base, template, read, fitted, text: what it learns from and how, after `gather`.
    """

    base: LoadedModel
    template: ChatTemplate
    text: TokenShards | None

    def __init__(self, config: sft.Config, context: Context) -> None:
        super().__init__(context, config.precision, compile_first=False)
        self.config = config
        self.settings = config.model_dump()
        self.best = Best()
        self.read: dict[str, Read] = {}
        self.fitted: dict[str, Fitted] = {}
        self.exact = self.stopped = float("nan")
        self.forgotten: list[float] = []

    def gather(self) -> Iterator[Event]:
        yield Progress(done=0, total=0, unit="conversations", message="Reading the model")
        self.base = load_model(self.context.workspace, self._base_folder(), device="cpu")
        self.template_source = self.base.chat_template or CHATML
        self.tokenizer, self.tokenizer_folder = self._tokenizer()
        self.template = ChatTemplate(self.template_source, self.tokenizer)
        kept = self.context.workspace.root / self._base_tokenizer
        self.text = text_of(self.context, self._base_checkpoint, self.base.tokenizer, kept)
        self.length = row_length(self.settings, self.base.model.config)
        self.folder = self.context.parent("conversations").folder
        self.labels = tuple(read_facts(self.folder).get("labels", ()))
        yield from self._read("train")
        yield from self._read("held_out")
        if self.context.control.stopping:
            return
        yield from self._fit()
        yield from self._settle()
        yield from self._ask_base()

    @property
    def _base_checkpoint(self) -> Path:
        assert self.base.folder is not None
        return self.base.folder

    @property
    def _base_tokenizer(self) -> str:
        return str(read_json(self._base_checkpoint / "state.json")["tokenizer"])

    def _base_folder(self) -> Path:
        """Raises CutawayError where no model is named and none was made before."""
        workspace = self.context.workspace
        if not self.config.base:
            if self.context.model is None:
                raise CutawayError(
                    "There is no model to fine-tune.",
                    "The recipe names none (base), and no earlier stage makes one.",
                    'Set base to a run, for example base = "runs/first-words-20261121-091402".',
                )
            return self.context.model
        found = [
            workspace.root / self.config.base,
            workspace.runs / self.config.base,
            workspace.models / self.config.base,
        ]
        folder = next((folder for folder in found if folder.is_dir()), None)
        if folder is None:
            raise CutawayError(
                "The model that this fine-tuning begins with is gone.",
                f"{self.config.base} was deleted or moved.",
                "Bring it back (Runs, Restore deleted runs), or begin anew from another model.",
            )
        return folder

    def _tokenizer(self) -> tuple[Tokenizer, Path]:
        """The base's, with the tokens of a conversation where it has no template of its own; and where it is kept."""
        own = self.context.workspace.root / self._base_tokenizer
        if self.base.chat_template:
            return self.base.tokenizer, own
        tokenizer = with_chat_tokens(self.base.tokenizer)
        if tokenizer is self.base.tokenizer:
            return tokenizer, own
        parents, config = {"tokenizer": self.base.tokenizer.hash}, {"template": sha256_json(CHATML)}
        folder = self.context.workspace.artifact_folder("tokenizer", self.context.name, "sft", config, parents)
        if not (folder / "manifest.json").is_file():
            with making_artifact(folder, kind="tokenizer", stage="sft", config=config, parents=parents) as draft:
                save_tokenizer(tokenizer, draft.folder)
                draft.figures = {"vocab_size": tokenizer.vocab_size, "kind": tokenizer.kind}
        return tokenizer, folder

    def _read(self, side: Any) -> Iterator[Event]:
        for item in read_tokens(self.template, read_stored(self.folder, side)):
            if isinstance(item, Read):
                self.read[side] = item
            else:
                yield item
            if self.context.control.stopping:
                return

    def _fit(self) -> Iterator[Event]:
        for side, read in self.read.items():
            fitted = fit(read.tokens, self.length, self.config.too_long)
            refuse_nothing_to_learn(len(fitted.kept), fitted.masked, fitted.too_long, side)
            self.fitted[side] = fitted
            lost = {
                "lost their end, because they are longer than a row": fitted.truncated,
                "were left out, because they are longer than a row": fitted.too_long,
                "were left out, because nothing in them is learned": fitted.masked,
                "were left out, because the chat template refuses them": read.refused,
            }
            for words, count in lost.items():
                if count:
                    name = "conversations" if side == "train" else "held-out conversations"
                    yield Notice(text=f"{count:,} {name} {words} ({self.length:,} tokens).", level="warning")

    def _settle(self) -> Iterator[Event]:
        model = self.base.model.config
        model = model.model_copy(update={"vocab_size": max(model.vocab_size, self.tokenizer.vocab_size)})
        rows = self._batches(rows=1).epoch_rows
        chosen = set(self.config.model_fields_set)
        self.plan = make_tuning_plan(self.settings, chosen, model, rows, self.text is not None)
        if self.text is None and self.config.pretraining_share:
            yield Notice(text="No text of the model's pretraining is at hand, so none is mixed in.", level="warning")

    def _ask_base(self) -> Iterator[Event]:
        """Kept, because the base's weights are moved from now on."""
        self.questions = asked = some_of(self.read["held_out"].conversations, self.config.questions)
        kept = self.context.run_folder.path / _BASE_ANSWERS
        if not kept.is_file():
            shown = asked[: self.config.shown_questions]
            for item in answers_of_base(self.base, shown, self.config.answer_tokens):
                if isinstance(item, Event):
                    yield item
                else:
                    write_json(kept, item)
        self.base_answers: list[str] = read_json(kept)

    def batches(self) -> ConversationBatches:
        return self._batches(self.plan.training.batch_rows)

    def _batches(self, rows: int) -> ConversationBatches:
        seed, mixed = self.context.seed, self._text_rows(rows)
        text = PackedBatches(self.text.train, self.length, mixed, seed) if self.text is not None and mixed else None
        return ConversationBatches(
            self.fitted["train"].kept, self.length, rows, seed, packing=self.config.packing, text=text
        )

    def _text_rows(self, rows: int) -> int:
        return text_rows(self.settings, rows, self.text is not None)

    def more_seconds(self) -> float:
        return looking_seconds(self.settings, self.plan)

    def new_model(self) -> Transformer:
        known = self.base.model.config.vocab_size
        model = with_tokens(plain(self.base.model), self.plan.model.vocab_size, self.context.seed)
        model = with_dropout(model, self.config.dropout)
        if self.config.method == "lora":
            attach(model, self.lora, self.context.seed, model.config.vocab_size - known)
        return model

    @property
    def lora(self) -> LoraConfig:
        config, layers = self.config, self.base.model.config.n_layer
        last = layers if config.lora_last_layer is None else config.lora_last_layer + 1
        return LoraConfig(
            rank=config.rank,
            alpha=config.alpha,
            dropout=config.lora_dropout,
            parts=config.lora_parts,
            layers=(config.lora_first_layer, last),
        )

    def trained_groups(self) -> tuple[str, ...]:
        return ("adapter",) if self.config.method == "lora" else ("model",)

    def trained(self) -> dict[str, dict[str, Tensor]]:
        return {"adapter": lora_weights(self.trainer.model)} if self.config.method == "lora" else super().trained()

    def take_trained(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        if self.config.method == "lora":
            load_lora(self.trainer.model, tensors["adapter"])
        else:
            super().take_trained(tensors)

    def begin(self) -> Iterator[Event]:
        self._look = self._looks()
        if self.trainer.step == 0:
            yield from self.evaluate()
        elif self._patience_is_over():
            self.trainer.over = True

    def _looks(self) -> Looks:
        rows = self.plan.training.micro_rows
        count = max(1, _LOOK_TOKENS // self.length)
        held_out = fixed_batches(some_of(self.fitted["held_out"].kept, 8 * count), self.length, rows, 0)
        text: Sequence[Batch] = ()
        if self.text is not None:
            text = list(validation_batches(self.text.validation, self.length, rows, max(1, count // rows)))
        return Looks(
            template=self.template,
            held_out=held_out[: max(1, count // rows)],
            text=text,
            questions=self.questions,
            shown=self.config.shown_questions,
            base_answers=self.base_answers,
            answer_tokens=self.config.answer_tokens,
            labels=self.labels,
            base=self._base_weights(),
            best=self.best,
        )

    def _base_weights(self) -> StoredWeights | None:
        """None where the base is an adapter itself, whose file does not hold them."""
        folder = self._base_checkpoint
        return StoredWeights(folder) if (folder / "model.safetensors").is_file() else None

    def evaluate(self) -> Iterator[Event]:
        for event in self._look.look(self.trainer, self.live):
            yield event
            if isinstance(event, TuningCheck):
                self.forgotten.append(event.pretraining_loss)
                if event.best and self.trainer.step:
                    yield from self.trainer.save_or_wait()
                    write_json(self.context.run_folder.path / BEST, {"checkpoint": f"step-{self.trainer.step:06d}"})
        if self._patience_is_over():
            self.trainer.over = True
            words = f"The held-out loss was no better for {self.best.looks_since} looks, so training ends here. "
            yield Notice(step=self.trainer.step, text=f"{words}The best model is that of step {self.best.step:,}.")

    def _patience_is_over(self) -> bool:
        return 0 < self.config.patience <= self.best.looks_since

    def conclude(self) -> Iterator[Event]:
        """The best model is the one that is kept and measured."""
        if 0 < self.best.step != self.trainer.step:
            found = load_checkpoint(self.root / f"step-{self.best.step:06d}", self.trained_groups())
            self.take_trained(found.tensors)
        answers: list[Answer] = []
        final = some_of(self.read["held_out"].conversations, self.config.final_questions)
        yield from self._look.ask(self.live, final, answers, self.trainer)
        self.asked = len(answers)
        self.exact = share(answer.right for answer in answers)
        self.stopped = share(answer.stopped for answer in answers)

    def kept(self) -> frozenset[str]:
        return frozenset({f"step-{self.best.step:06d}"} if self.best.step > 0 else ())

    def state(self) -> dict[str, Any]:
        return {
            "chat_template": self.template_source,
            "generation": self.base.generation,
            "best": asdict(self.best),
            **(self._adapter_state() if self.config.method == "lora" else {}),
        }

    def _adapter_state(self) -> dict[str, Any]:
        base = base_facts(self.context.workspace, self._base_checkpoint, self.context.seed)
        return {"lora": self.lora.model_dump(mode="json"), "base": base}

    def go_on_from(self, folder: Path, saved: dict[str, Any]) -> Iterator[Event]:
        self.best = Best(**saved["best"])
        yield from super().go_on_from(folder, saved)

    def facts(self) -> dict[str, Any]:
        train = self.fitted["train"]
        return {
            "base": self.base.label,
            "base_folder": self.context.relative(self._base_checkpoint),
            "method": self.config.method,
            "lora": self.lora.model_dump(mode="json") if self.config.method == "lora" else None,
            "parameters_trained": sum(p.numel() for p in self.trainer.model.parameters() if p.requires_grad),
            "row_length": self.length,
            "text_rows": self._text_rows(self.plan.training.batch_rows),
            "conversations": {
                "train": len(train.kept),
                "held_out": len(self.fitted["held_out"].kept),
                "dropped_too_long": train.too_long,
                "truncated": train.truncated,
                "all_masked": train.masked,
                "refused": self.read["train"].refused,
                "tokens": sum(tokens.length for tokens in train.kept),
                "trained_tokens": sum(tokens.counted for tokens in train.kept),
            },
        }

    @property
    def tells_speed(self) -> bool:
        return False

    def figures(self) -> dict[str, float | int | str]:
        told: dict[str, float | int | str] = {
            "best_step": self.best.step,
            "held_out_loss": round(self.best.loss, 5),
            "asked": self.asked,
        }
        if self.asked:
            told |= {"exact": round(self.exact, 5), "stopped": round(self.stopped, 5)}
        return told


def some_of(items: Sequence[_T], most: int) -> list[_T]:
    """At most so many of them, the same ones each time, chosen by chance: neighbours are often alike."""
    return Random(0).sample(items, min(most, len(items)))


def plain(model: Transformer) -> Transformer:
    """The model itself, or one of its own with the adapter in its weights, where it has one."""
    if not is_attached(model):
        return model
    merge(model)
    whole = Transformer.empty(model.config)
    load_weights(whole, weights(model))
    return whole


def with_dropout(model: Transformer, dropout: float) -> Transformer:
    """The same weights, trained with another share of activations dropped."""
    if model.config.dropout == dropout:
        return model
    other = Transformer.empty(model.config.model_copy(update={"dropout": dropout}))
    load_weights(other, weights(model))
    return other
