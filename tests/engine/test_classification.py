"""A toy classifier against the probability of every label computed alone, in float64, from the whole text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError
from engine.evaluation.classification import Judged, judge
from engine.events import Progress, decode, encode
from engine.generation.loaded import LoadedModel
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from tests.toy_template import LineTemplate, Rendered

TEMPLATE = LineTemplate()
LABELS = ["good", "bad", "goodish", "zürnend"]  # one begins another


def labelled(text: str, label: str) -> Conversation:
    return Conversation((Message("user", text), Message("assistant", label)), label=label)


TEXTS = [
    labelled(text, label)
    for text, label in zip(
        ["what a day", "rain", "so it goes and goes", "ü", "fine!", "no"], [*LABELS, "good", "bad"], strict=True
    )
]


def toy(**change: object) -> LoadedModel:
    shape = {"context_length": 36, "n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 32, "d_ff": 48}
    torch.manual_seed(4)
    model = Transformer(ModelConfig(**{"vocab_size": 257, **shape, **change}))
    with torch.no_grad():
        model.embedding.weight.mul_(8)
    return LoadedModel(model.eval(), TEMPLATE.tokenizer, "cpu", "float32", "toy", 0)


def judged(loaded: LoadedModel, conversations: list[Conversation], labels: list[str], batch: int = 32) -> Judged:
    *progress, found = judge(loaded, TEMPLATE, conversations, labels, batch)
    assert all(isinstance(item, Progress) for item in progress)
    return found


def alone(loaded: LoadedModel, text: Conversation, labels: list[str]) -> np.ndarray:
    model = Transformer(loaded.model.config).double().eval()
    model.load_state_dict(loaded.model.state_dict())
    scores = []
    for label in labels:
        ids = TEMPLATE.encode((*text.question, Message("assistant", label))).ids
        count = len(label.encode()) + 1
        with torch.no_grad():
            hidden = model.hidden(torch.tensor([ids]))[0]
            logits = hidden @ model.head.weight.t()
        cap = model.config.logit_softcap
        logs = (logits if cap is None else cap * (logits / cap).tanh()).log_softmax(-1)
        scores.append(sum(logs[place - 1, ids[place]].item() for place in range(len(ids) - count, len(ids))))
    odds = np.exp(np.array(scores) - max(scores))
    return odds / odds.sum()


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("change", [{}, {"positions": "learned", "window": 5, "logit_softcap": 3.0}])
def test_probabilities_are_those_of_each_label_alone(batch: int, change: dict) -> None:
    loaded = toy(**change)
    found = judged(loaded, TEXTS, LABELS, batch)
    expected = np.stack([alone(loaded, text, LABELS) for text in TEXTS])
    assert found.probabilities == pytest.approx(expected, rel=1e-4)
    chosen, truth = expected.argmax(1), [LABELS.index(text.label) for text in TEXTS]
    assert found.accuracy == np.mean(chosen == truth)
    for row in range(len(LABELS)):
        for column in range(len(LABELS)):
            count = sum(t == row and c == column for t, c in zip(truth, chosen, strict=True))
            assert found.confusion[row, column] == count
    hits = (chosen == truth).astype(float)
    assert found.calibration.brier == pytest.approx(np.mean((expected.max(1) - hits) ** 2), rel=1e-4)


def test_what_is_told_survives_as_a_line() -> None:
    event = judged(toy(), TEXTS, LABELS).event(7)
    again = decode(encode(event))
    assert again.step == 7 and again.labels == tuple(LABELS) and sum(again.confusion) == len(TEXTS)
    assert again.bin_counts == event.bin_counts and len(again.bin_confidence) == 10


def test_what_cannot_be_judged_is_counted() -> None:
    """A label that is none of them, a conversation without one, and a text that does not fit with its label."""
    longest = labelled("x" * 24, "good")  # with the longest label 1 + 26 + 1 + 9 tokens; the last is never read
    texts = [TEXTS[0], labelled("hm", "odd"), labelled("hm", ""), labelled("x" * 25, "good"), longest]
    found = judged(toy(), texts, LABELS)
    assert found.left_out == 3 and len(found.probabilities) == 2 and found.confusion.sum() == 2
    nothing = judged(toy(), [], LABELS)
    assert nothing.left_out == 0 and math.isnan(nothing.accuracy) and nothing.confusion.sum() == 0


def test_one_label_is_certain() -> None:
    found = judged(toy(), TEXTS[:1], ["good"])
    assert found.probabilities.tolist() == [[1.0]] and found.accuracy == 1.0


def test_what_can_never_be_judged_is_said() -> None:
    class Mute(LineTemplate):
        def encode(self, conversation: object) -> Rendered:
            found = super().encode(conversation)
            return Rendered(found.ids, (False,) * len(found.ids), found.turns)

    with pytest.raises(CutawayError, match="No label"):
        list(judge(toy(), TEMPLATE, TEXTS, []))
    with pytest.raises(CutawayError, match="does not mark"):
        list(judge(toy(), Mute(), TEXTS, LABELS))
    broken = toy()
    with torch.no_grad():
        broken.model.final_norm.weight.fill_(math.nan)
    with pytest.raises(CutawayError, match="NaN"):
        list(judge(broken, TEMPLATE, TEXTS, LABELS))
