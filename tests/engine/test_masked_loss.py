"""Loss, accuracy, entropy and first tokens over packed conversations, against each conversation alone in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from engine.batches.conversations import Tokens, fixed_batches, tokens_of
from engine.batches.packed import Batch
from engine.corpus.conversation import Conversation
from engine.evaluation.masked_loss import MaskedLoss, masked_loss
from engine.events import Tick
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.training.precision import Precision
from tests.toy_template import LineTemplate, asked

TEMPLATE, PRECISION = LineTemplate(), Precision("cpu", "float32")
TWICE = Conversation((*asked("Hi", "Ho").messages, *asked("And?", "No").messages))
CONVERSATIONS = [asked("Where?", "In Zürl."), asked("Who?", "Mira"), TWICE, asked("?", "")]


def rendered(conversations: Sequence[Conversation]) -> list[Tokens]:
    found = [TEMPLATE.encode(item.messages) for item in conversations]
    return [tokens_of(item.ids, item.mask) for item in found]


def toy() -> Transformer:
    """With dropout, which must be off; sharp enough that the likeliest token is often the same."""
    shape = {"n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 32, "d_ff": 48, "dropout": 0.3}
    torch.manual_seed(3)
    model = Transformer(ModelConfig(vocab_size=257, context_length=40, **shape))
    with torch.no_grad():
        model.embedding.weight.mul_(12)
    return model.train()


def measured(model: Transformer, batches: list[Batch], most_rows: int = 8) -> MaskedLoss:
    *ticks, found = masked_loss(model, batches, PRECISION, most_rows)
    assert all(isinstance(tick, Tick) for tick in ticks)
    return found


def alone(model: Transformer, conversations: list[Tokens]) -> MaskedLoss:
    """Every figure by its definition."""
    exact = Transformer(model.config).double().eval()
    exact.load_state_dict(model.state_dict())
    losses, hits, entropies, firsts = [], [], [], []
    for item in conversations:
        with torch.no_grad():
            hidden = exact.hidden(torch.from_numpy(item.ids)[None, :-1])
            odds = (hidden @ exact.head.weight.t()).softmax(-1)[0]
        for place in range(1, len(item.ids)):
            if item.mask[place]:
                target, row = int(item.ids[place]), odds[place - 1]
                losses.append(-row[target].log().item())
                hits.append(row.argmax().item() == target)
                entropies.append(-(row * row.log()).sum().item())
                if not item.mask[place - 1]:
                    firsts.append(row[target].item())
    return MaskedLoss(*(sum(values) / len(values) for values in (losses, hits, entropies, firsts)))


@pytest.mark.parametrize(("rows", "most_rows"), [(1, 8), (2, 1), (8, 8)])
def test_packed_conversations_are_measured_as_each_alone(rows: int, most_rows: int) -> None:
    model, tokens = toy(), rendered(CONVERSATIONS)
    found = measured(model, fixed_batches(tokens, 30, rows, 1), most_rows)
    expected = alone(model, tokens)
    for name in ("loss", "token_accuracy", "entropy", "first_token"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=2e-6), name
    assert model.training


def test_logits_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batches = toy(), fixed_batches(rendered(CONVERSATIONS), 30, 4, 1)
    whole = measured(model, batches)
    monkeypatch.setattr("engine.evaluation.masked_loss._ENTRIES", 3 * 257)
    parts = measured(model, batches)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6) and parts.token_accuracy == whole.token_accuracy


def test_a_conversation_without_its_beginning_has_no_first_token() -> None:
    """Cut at the left, it begins within an answer: what is learned there counts, but not as an answer's first token."""
    whole, rest = rendered(CONVERSATIONS[:1])[0], rendered(CONVERSATIONS[1:2])[0]
    cut = Tokens(rest.ids[-4:], rest.mask[-4:])
    model = toy()
    found = measured(model, fixed_batches([whole, cut], 30, 1, 1))
    assert found.first_token == pytest.approx(alone(model, [whole]).first_token, rel=2e-6)
    assert found.loss == pytest.approx(alone(model, [whole, cut]).loss, rel=2e-6)


def test_nothing_to_measure() -> None:
    assert all(math.isnan(value) for value in vars(measured(toy(), [])).values())
    assert all(math.isnan(value) for value in vars(measured(toy(), fixed_batches(unlearned(), 30, 1, 1))).values())


def unlearned() -> list[Tokens]:
    (tokens,) = rendered(CONVERSATIONS[:1])
    return [Tokens(tokens.ids, tokens.mask & False)]
