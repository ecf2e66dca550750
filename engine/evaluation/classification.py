"""A model that answers with a label, as a classifier: how likely it finds every label, not only what it would write.

A label's score is the probability of the whole answer, its end included: the sum of the log-probabilities of the
tokens that the template trains in that turn. A softmax over the labels' scores makes them probabilities of a choice,
which is what the model gives the labels when it answers with one of them at all. Nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError
from engine.evaluation.calibration import Calibration, calibrate
from engine.evaluation.exact_match import Encoding
from engine.events import LabelsJudged, Progress
from engine.generation.loaded import LoadedModel
from engine.generation.reading import undisturbed
from engine.model.kv_cache import KVCache


@dataclass(frozen=True)
class Judged:
    """probabilities: [N, labels], of the conversations that were judged, in their order. confusion: [labels, labels],
    counts, a row for each true label and a column for each chosen one. accuracy: 0 to 1, NaN without conversations.
    left_out: how many were not judged: without one of the labels, or too long for the model's view."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    confusion: NDArray[np.int64]
    accuracy: float
    calibration: Calibration
    left_out: int

    def event(self, step: int) -> LabelsJudged:
        found = self.calibration
        return LabelsJudged(
            step=step,
            labels=self.labels,
            confusion=tuple(self.confusion.flatten().tolist()),
            accuracy=self.accuracy,
            expected_calibration_error=found.expected_calibration_error,
            brier=found.brier,
            bin_confidence=tuple(found.confidence.tolist()),
            bin_accuracy=tuple(found.accuracy.tolist()),
            bin_counts=tuple(found.counts.tolist()),
        )


@dataclass(frozen=True)
class _Choice:
    """before: ids that all the answers share. answers: what follows, for each label; scored: which of it counts.
    truth: index of the right label. place: among all conversations."""

    before: list[int]
    answers: list[list[int]]
    scored: list[list[bool]]
    truth: int
    place: int

    @property
    def longest(self) -> int:
        return len(self.before) + max(map(len, self.answers)) - 1  # the last token is never read


def judge(
    loaded: LoadedModel,
    template: Encoding,
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    batch: int = 32,
) -> Iterator[Progress | Judged]:
    """Yields Progress after each batch and, last, the Judged. batch: texts at once; each is read once for all labels.

    Raises CutawayError without labels, for a template that does not show the answer, or when the model's predictions
    are no numbers.
    """
    if not labels:
        raise CutawayError("There is nothing to choose from.", "No label is given.", "Name the labels.")
    known = [(place, item) for place, item in enumerate(conversations) if item.label in labels]
    choices = [_choice(template, item, labels, place) for place, item in known]
    fitting = [choice for choice in choices if choice.longest <= loaded.model.config.context_length]
    alike = sorted(fitting, key=lambda choice: len(choice.before))
    found: dict[int, NDArray[np.float64]] = {}
    for start in range(0, len(alike), batch):
        part = alike[start : start + batch]
        for choice, row in zip(part, _scores(loaded, part), strict=True):
            found[choice.place] = row
        yield Progress(done=start + len(part), total=len(alike), unit="texts")
    yield _judged(labels, fitting, found, len(conversations) - len(fitting))


def _choice(template: Encoding, conversation: Conversation, labels: Sequence[str], place: int) -> _Choice:
    last = len(conversation.messages) - 1
    said = [template.encode((*conversation.question, Message("assistant", label))) for label in labels]
    scored = [[mask and turn == last for mask, turn in zip(each.mask, each.turns, strict=True)] for each in said]
    shared = _shared([each.ids for each in said])
    first = min(shared, *(row.index(True) if True in row else 0 for row in scored))
    if not first:
        raise CutawayError(
            "The labels cannot be judged.",
            "The chat template does not mark the assistant's answer.",
            "Choose another template.",
        )
    # What stands behind the answer's end is the template's frame, which nobody needs to predict.
    ends = [len(row) - row[::-1].index(True) for row in scored]
    return _Choice(
        list(said[0].ids[:first]),
        [list(each.ids[first:end]) for each, end in zip(said, ends, strict=True)],
        [row[first:end] for row, end in zip(scored, ends, strict=True)],
        labels.index(conversation.label),
        place,
    )


def _shared(rows: Sequence[Sequence[int]]) -> int:
    """How many ids all rows begin with."""
    together = zip(*rows, strict=False)
    return next((place for place, ids in enumerate(together) if len(set(ids)) > 1), min(map(len, rows)))


def _scores(loaded: LoadedModel, choices: Sequence[_Choice]) -> NDArray[np.float64]:
    """[B, labels], the log-probability of every answer. choices: sorted by the length of what stands before."""
    model, device = loaded.model, loaded.model.embedding.weight.device
    width = len(choices[-1].before)
    capacity = min(model.config.context_length, width + max(len(each) for row in choices for each in row.answers))
    cache = KVCache(model.config, len(choices), model.embedding.weight.dtype, device, capacity)
    ids = torch.tensor([[0] * (width - len(row.before)) + row.before for row in choices], device=device)
    lengths = torch.tensor([len(row.before) for row in choices], device=device)
    with undisturbed(model):
        begun = model.hidden(ids, cache, lengths=lengths)[:, -1:]  # [B, 1, D]
        columns = []
        for label in range(len(choices[0].answers)):
            cache.truncate(width)
            columns.append(_answer(loaded, begun, cache, [(row.answers[label], row.scored[label]) for row in choices]))
        found: NDArray[np.float64] = torch.stack(columns, dim=1).cpu().numpy()
    if np.isnan(found).any():
        raise CutawayError(
            "The model cannot be asked.",
            "Its predictions are not numbers (NaN), as happens when training blew up.",
            "Choose an earlier checkpoint, or train again with a lower learning rate.",
        )
    return found


def _answer(
    loaded: LoadedModel, begun: Tensor, cache: KVCache, answers: Sequence[tuple[list[int], list[bool]]]
) -> Tensor:
    """[B] in float64, the log-probability of what counts of each answer. begun: [B, 1, D], from which its first token
    is predicted."""
    model, longest = loaded.model, max(len(ids) for ids, _ in answers)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in answers], device=begun.device)
    counts = torch.tensor([row + [False] * (longest - len(row)) for _, row in answers], device=begun.device)
    hidden = begun
    if longest > 1:
        hidden = torch.cat([begun, model.hidden(ids[:, :-1], cache)], dim=1)  # [B, longest, D]
    logs = model.logits(hidden).log_softmax(dim=-1).gather(2, ids.unsqueeze(2)).squeeze(2)
    return logs.double().masked_fill(~counts, 0.0).sum(dim=1)


def _judged(
    labels: Sequence[str], choices: Sequence[_Choice], scores: dict[int, NDArray[np.float64]], left_out: int
) -> Judged:
    rows = np.array([scores[choice.place] for choice in choices]).reshape(len(choices), len(labels))
    odds = np.exp(rows - rows.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    truth = np.array([choice.truth for choice in choices], dtype=np.int64)
    chosen = odds.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (truth, chosen), 1)
    right = truth == chosen
    accuracy = float(right.mean()) if len(right) else math.nan
    return Judged(tuple(labels), odds, confusion, accuracy, calibrate(odds.max(axis=1), right), left_out)
