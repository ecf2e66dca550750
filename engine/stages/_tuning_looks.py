"""How fine-tuning is looked at: held-out loss, questions answered, what was forgotten, which weights moved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.batches.packed import Batch
from engine.corpus.conversation import Conversation
from engine.evaluation.classification import Judged, judge
from engine.evaluation.exact_match import Answer, accepted, ask
from engine.evaluation.masked_loss import MaskedLoss, masked_loss
from engine.evaluation.movement import StoredWeights, how_far
from engine.events import Answered, Event, Tick, TuningCheck, WeightsMoved
from engine.generation.batch import Completion, generate_batch
from engine.generation.loaded import LoadedModel
from engine.generation.sampling import SamplingConfig
from engine.tokenizer.chat_template import ChatTemplate
from engine.training.evaluate import mean_loss
from engine.training.loop import Trainer


@dataclass
class Best:
    """The lowest held-out loss so far, its step, and how many looks since then were no better."""

    loss: float = math.inf
    step: int = -1
    looks_since: int = 0

    def take(self, loss: float, step: int) -> bool:
        """Whether this one is the best."""
        if loss < self.loss:
            self.loss, self.step, self.looks_since = loss, step, 0
            return True
        self.looks_since += 1
        return False


@dataclass(frozen=True)
class Looks:
    """held_out: batches of conversations, text: of pretraining text; empty where there is none. questions: asked at
    every look, the first `shown` side by side with base_answers. labels: of a classifier. base: the base's weights."""

    template: ChatTemplate
    held_out: Sequence[Batch]
    text: Sequence[Batch]
    questions: Sequence[Conversation]
    shown: int
    base_answers: Sequence[str]
    answer_tokens: int
    labels: tuple[str, ...] = ()
    base: StoredWeights | None = None
    best: Best = field(default_factory=Best)

    def look(self, trainer: Trainer, live: LoadedModel) -> Iterator[Event]:
        """Ends with a TuningCheck, or without one when the trainer is to stop meanwhile."""
        measured: list[MaskedLoss] = []
        for item in masked_loss(trainer.model, self.held_out, trainer.precision, trainer.micro_rows):
            if isinstance(item, MaskedLoss):
                measured.append(item)
            else:
                yield item
            if trainer.ranks.stopping:
                return
        forgotten: list[float] = []
        for found in mean_loss(trainer.model, self.text, trainer.precision, trainer.micro_rows):
            if isinstance(found, Event):
                yield found
            else:
                forgotten.append(found)
            if trainer.ranks.stopping:
                return
        answers: list[Answer] = []
        yield from self.ask(live, self.questions, answers, trainer)
        if trainer.ranks.stopping:
            return
        yield from self._show(trainer.step, answers)
        yield from self._judge(live, trainer)
        if self.base is not None:
            parts, moved = how_far(trainer.model, self.base)
            yield WeightsMoved(step=trainer.step, parts=parts, moved=moved)
        yield self._check(trainer, measured[0], forgotten[0], answers)

    def ask(
        self, live: LoadedModel, questions: Sequence[Conversation], answers: list[Answer], trainer: Trainer
    ) -> Iterator[Event]:
        """Puts what was answered into `answers`; a Tick between any two tokens."""
        if not questions:
            return
        for item in ask(live, self.template, questions, self.answer_tokens):
            if isinstance(item, list):
                answers += item
            else:
                yield Tick()
            if trainer.ranks.stopping:
                return

    def _show(self, step: int, answers: Sequence[Answer]) -> Iterator[Event]:
        shown = zip(self.questions[: self.shown], self.base_answers, answers, strict=False)
        for number, (question, base, answer) in enumerate(shown):
            yield Answered(
                step=step,
                number=number,
                question=asked_text(question),
                expected=accepted(question)[0],
                base=base,
                answer=answer.text,
                right=answer.right,
                stopped=answer.stopped,
            )

    def _judge(self, live: LoadedModel, trainer: Trainer) -> Iterator[Event]:
        if not self.labels:
            return
        for item in judge(live, self.template, self.questions, self.labels):
            if isinstance(item, Judged):
                yield item.event(trainer.step)
            else:
                yield Tick()
            if trainer.ranks.stopping:
                return

    def _check(
        self, trainer: Trainer, measured: MaskedLoss, forgotten: float, answers: Sequence[Answer]
    ) -> TuningCheck:
        return TuningCheck(
            step=trainer.step,
            tokens=trainer.tokens,
            loss=measured.loss,
            token_accuracy=measured.token_accuracy,
            entropy=measured.entropy,
            first_token=measured.first_token,
            asked=len(answers),
            exact=share(answer.right for answer in answers),
            stopped=share(answer.stopped for answer in answers),
            pretraining_loss=forgotten,
            best=self.best.take(measured.loss, trainer.step),
        )


def share(found: Iterator[bool]) -> float:
    """Of those that are true; NaN of none."""
    values = list(found)
    return sum(values) / len(values) if values else math.nan


def asked_text(conversation: Conversation) -> str:
    """What was asked last."""
    return next((item.content for item in reversed(conversation.question) if item.role == "user"), "")


def answers_of_base(
    base: LoadedModel, questions: Sequence[Conversation], max_tokens: int
) -> Iterator[Event | list[str]]:
    """What a model that continues text makes of the questions, each as the beginning of a text, greedily."""
    prompts = [asked_text(question) for question in questions]
    for item in generate_batch(base, prompts, SamplingConfig(temperature=0.0), max_tokens) if prompts else ():
        if isinstance(item, list):
            yield [_text(completion) for completion in item]
        else:
            yield Tick()
    if not prompts:
        yield []


def _text(completion: Completion) -> str:
    return completion.text.strip()
