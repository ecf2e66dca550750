"""Does the model know the world it read about? Greedy completion against the truth on file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.errors import CutawayError
from engine.events import Progress
from engine.generation.loaded import LoadedModel
from engine.generation.reading import undisturbed
from engine.model.kv_cache import KVCache

_EXAMPLES = 20


@dataclass(frozen=True)
class Question:
    """A sentence of the corpus without its end. answer: what the end begins with, without the leading space."""

    person: str
    attribute: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class WrongAnswer:
    """said: the beginning of what the model wrote instead."""

    question: Question
    said: str


@dataclass(frozen=True)
class Recall:
    """by_attribute: attribute -> (correct, asked). wrong: the first examples, in the world's order."""

    correct: int
    asked: int
    by_attribute: Mapping[str, tuple[int, int]]
    wrong: tuple[WrongAnswer, ...]

    @property
    def share(self) -> float:
        """0 to 1; 0 when nothing was asked."""
        return self.correct / self.asked if self.asked else 0.0


def questions_of(world: Mapping[str, Any]) -> list[Question]:
    """Every person, every attribute, every cloze sentence. Raises CutawayError when the world is not of that form."""
    try:
        return [
            Question(person["name"], attribute, cloze.format(name=person["name"]), str(person["facts"][attribute]))
            for person in world["people"]
            for attribute, told in world["attributes"].items()
            if attribute in person["facts"]
            for cloze in told["cloze"]
        ]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CutawayError(
            "The world cannot be asked about.",
            f"world.json lacks something that belongs there: {error}.",
            "Make the world again.",
        ) from error


def measure_recall(loaded: LoadedModel, world: Mapping[str, Any], batch: int = 64) -> Iterator[Progress | Recall]:
    """Asks every question and yields Progress after each batch and, last, the Recall.

    An answer is right when the greedy continuation begins with a space and the value, and no letter follows.
    Prompts of equally many tokens are asked together, so that no padding can change an answer.
    """
    questions = questions_of(world)
    ids = loaded.tokenizer.encode_batch([question.prompt for question in questions])
    said: dict[int, str] = {}
    for group in _equally_long(ids, batch):
        texts = _continue(loaded, [ids[index] for index in group], [f" {questions[index].answer}" for index in group])
        said.update(zip(group, texts, strict=True))
        yield Progress(done=len(said), total=len(questions), unit="questions")
    yield _recall(questions, [said[index] for index in range(len(questions))])


def _equally_long(ids: Sequence[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Indices of prompts with the same number of tokens, at most `batch` at a time."""
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(ids):
        by_length.setdefault(len(row), []).append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), batch):
            yield indices[start : start + batch]


def _continue(loaded: LoadedModel, prompts: Sequence[Sequence[int]], answers: Sequence[str]) -> list[str]:
    """Greedy continuations of equally long prompts [B, T], each as far as it takes to judge it."""
    config, device = loaded.model.config, loaded.model.embedding.weight.device
    # A token holds at least one byte, so more tokens than the answer has bytes are never needed.
    longest = max(len(answer.encode()) for answer in answers) + 1
    room = max(1, config.context_length - longest)
    kept = [list(prompt)[-room:] for prompt in prompts]
    steps = min(longest, config.context_length - len(kept[0]) + 1)
    roomy = config.model_copy(update={"context_length": len(kept[0]) + steps})  # not the whole context, times B
    written: list[list[int]] = [[] for _ in prompts]
    with undisturbed(loaded.model):
        cache = KVCache(roomy, len(prompts), loaded.model.embedding.weight.dtype, device)
        new = torch.tensor(kept, device=device)
        for _ in range(steps):
            new = _greedy(loaded, new, cache)
            for row, token_id in zip(written, new[:, 0].tolist(), strict=True):
                row.append(token_id)
            if all(_decided(loaded, row, answer) for row, answer in zip(written, answers, strict=True)):
                break
    return [_text(loaded, row) for row in written]


def _greedy(loaded: LoadedModel, new: Tensor, cache: KVCache) -> Tensor:
    """[B, T] new tokens -> [B, 1] the likeliest next ones."""
    logits: Tensor = loaded.model(new, cache)[:, -1]  # [B, V]
    if torch.isnan(logits).any():
        raise CutawayError(
            "The model cannot be asked.",
            "Its predictions are not numbers (NaN), as happens when training blew up.",
            "Choose an earlier checkpoint, or train again with a lower learning rate.",
        )
    return logits.argmax(dim=-1, keepdim=True)


def _text(loaded: LoadedModel, row: Sequence[int]) -> str:
    """What was written up to the end of the document."""
    end = loaded.tokenizer.end_id
    return loaded.tokenizer.decode(row[: row.index(end)] if end in row else row)


def _decided(loaded: LoadedModel, row: Sequence[int], answer: str) -> bool:
    text = _text(loaded, row)
    return len(text) > len(answer) or not answer.startswith(text.rstrip("\ufffd")) or loaded.tokenizer.end_id in row


def is_right(said: str, answer: str) -> bool:
    """said: the continuation. " Anvik" and " Anvik, by" answer Anvik; " Anviks" and "Anvik" do not."""
    expected = f" {answer}"
    return said.startswith(expected) and not said[len(expected) : len(expected) + 1].isalpha()


def _recall(questions: Sequence[Question], said: Sequence[str]) -> Recall:
    by_attribute: dict[str, tuple[int, int]] = {}
    wrong: list[WrongAnswer] = []
    for question, text in zip(questions, said, strict=True):
        right = is_right(text, question.answer)
        correct, asked = by_attribute.get(question.attribute, (0, 0))
        by_attribute[question.attribute] = (correct + right, asked + 1)
        if not right and len(wrong) < _EXAMPLES:
            wrong.append(WrongAnswer(question, text))
    correct = sum(counts[0] for counts in by_attribute.values())
    return Recall(correct, len(questions), by_attribute, tuple(wrong))
