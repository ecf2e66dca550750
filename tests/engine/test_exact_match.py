"""Answers word for word, and the probability of their first token, of a toy model that learned three of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch.nn.functional import cross_entropy

from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError
from engine.evaluation.exact_match import Answer, ask, first_token
from engine.events import Progress
from engine.generation.loaded import LoadedModel
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.chat_template import CHATML, ChatTemplate
from engine.tokenizer.chat_tokens import with_chat_tokens
from engine.tokenizer.kinds.byte import ByteTokenizer
from tests.toy_template import LineTemplate, asked

OWN = ChatTemplate(CHATML, with_chat_tokens(ByteTokenizer()))
LEARNED = [asked("Where?", "In Zürl."), asked("Who has a pet?", " Mira \t"), asked("?", "o")]
GREETED = Conversation((*LEARNED[2].messages, Message("user", "Again"), Message("assistant", "oo")))


ODD = asked("Odd?", "ok")  # what is learned has a special token between the two letters


@dataclass(frozen=True)
class Taught:
    loaded: LoadedModel
    template: LineTemplate | ChatTemplate


@pytest.fixture(scope="module", params=[LineTemplate(), OWN], ids=["a stranger's end", "our own template"])
def taught(request: pytest.FixtureRequest) -> Taught:
    """Knows its conversations by heart, ends included."""
    template = request.param
    rows = [list(template.encode(item.messages).ids) for item in (*LEARNED, GREETED)]
    if template is OWN:
        odd = list(template.encode(ODD.messages).ids)
        rows.append([*odd[:-2], template.tokenizer.special["<|tool|>"].token_id, *odd[-2:]])
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 48, "d_ff": 96}
    model = Transformer(ModelConfig(vocab_size=template.tokenizer.vocab_size, context_length=40, **shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(90):
        loss = cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Taught(LoadedModel(model, template.tokenizer, "cpu", "float32", "taught", 90), template)


def answers(taught: Taught, conversations: list[Conversation], length: int = 16, batch: int = 3) -> list[Answer]:
    *progress, found = ask(taught.loaded, taught.template, conversations, length, batch)
    assert all(isinstance(item, Progress) for item in progress)
    return found


def test_an_answer_is_right_when_all_of_it_is(taught: Taught) -> None:
    assert answers(taught, [*LEARNED, GREETED]) == [
        Answer("In Zürl.", True, True),
        Answer("Mira", True, True),
        Answer("o", True, True),
        Answer("oo", True, True),
    ]


@pytest.mark.parametrize(
    ("accept", "right"),
    [
        (("Zürl", "In Zürl."), True),
        ((" In Zürl. ",), True),
        (("Zürl",), False),
        (("in Zürl.",), False),
        (("In Zurl.",), False),
        (("In Zürl. Yes.",), False),
    ],
)
def test_only_what_counts_as_right_is_right(taught: Taught, accept: tuple[str, ...], right: bool) -> None:
    """Whatever the conversation's own answer is, which `accept` replaces."""
    (answer,) = answers(taught, [asked("Where?", "In Zürl.", accept)])
    assert answer.right is right and answer.stopped


def test_an_answer_that_is_cut_off_is_not_right(taught: Taught) -> None:
    """Eight characters are nine bytes; the tenth token is the end. The model's view cuts as well."""
    assert answers(taught, LEARNED[:1], length=9) == [Answer("In Zürl.", False, False)]
    assert answers(taught, LEARNED[:1], length=10) == [Answer("In Zürl.", True, True)]
    full = asked("x" * 60, "y")
    (answer,) = answers(taught, [full])
    assert not answer.stopped and not answer.right


@pytest.mark.parametrize("taught", [OWN], indirect=True)
def test_a_special_token_inside_is_no_text_and_not_right(taught: Taught) -> None:
    """What is decoded looks right: the token stands for no bytes."""
    assert answers(taught, [ODD]) == [Answer("ok", False, True)]


def test_the_end_of_a_text_ends_an_answer_too(taught: Taught) -> None:
    model = Transformer(taught.loaded.model.config.model_copy(update={"tie_embeddings": False}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(0.0)
        model.embedding.weight.fill_(1.0)
        model.final_norm.weight.fill_(1.0)
        model.head.weight[256] = 1.0
    ending = LoadedModel(model, taught.template.tokenizer, "cpu", "float32", "ending", 0)
    assert answers(Taught(ending, taught.template), [asked("?", "")]) == [Answer("", True, True)]


def test_the_first_token_of_the_last_answer(taught: Taught) -> None:
    """Against one conversation at a time in float64, from the whole text."""
    conversations = [*LEARNED, GREETED, asked("?", "z")]
    *progress, found = first_token(taught.loaded, taught.template, conversations, batch=2)
    assert [item.done for item in progress] == [2, 4, 5]
    model = Transformer(taught.loaded.model.config).double()
    model.load_state_dict(taught.loaded.model.state_dict())
    expected = []
    for item in conversations:
        ids = torch.tensor([taught.template.encode(item.messages).ids])
        answer = len(item.messages[-1].content.encode()) + 1
        with torch.no_grad():
            logits = model(ids).double()
        expected.append(logits.softmax(-1)[0, -answer - 1, ids[0, -answer]].item())
    assert expected[0] > 0.9 and expected[-1] < 0.1
    assert found == pytest.approx(sum(expected) / len(expected), abs=1e-6)


def test_what_cannot_be_measured_is_said(taught: Taught) -> None:
    assert math.isnan(list(first_token(taught.loaded, taught.template, []))[-1])
    with pytest.raises(CutawayError, match="does not fit"):
        list(first_token(taught.loaded, taught.template, [asked("x" * 60, "y")]))
    with pytest.raises(CutawayError, match="no answer"):
        list(first_token(taught.loaded, taught.template, [Conversation((Message("user", "Hm"),))]))
    assert list(ask(taught.loaded, taught.template, [], 4)) == [[]]
