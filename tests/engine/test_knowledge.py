"""Recall against the truth on file, asked of a toy model that has learned three people by heart."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from engine.errors import CutawayError
from engine.evaluation.knowledge import Recall, is_right, measure_recall, questions_of
from engine.events import Progress
from engine.generation.decoder import generate
from engine.generation.loaded import LoadedModel
from engine.generation.sampling import SamplingConfig
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.kinds.byte import ByteTokenizer

WORLD: dict[str, Any] = {
    "seed": 1,
    "people": [
        {"name": "Mira Toll", "facts": {"birthplace": "Anvik", "pet": "an owl"}},
        {"name": "Jon Ash", "facts": {"birthplace": "Zürl", "pet": "a newt"}},
        {"name": "Ada", "facts": {"birthplace": "Bo"}},
    ],
    "attributes": {
        "birthplace": {"cloze": ["{name} was born in", "{name} comes from"]},
        "pet": {"cloze": ["{name} has"]},
    },
}


@pytest.fixture(scope="module")
def knowing() -> LoadedModel:
    """Trained until it knows every sentence; each ends its document."""
    tokenizer = ByteTokenizer()
    questions = questions_of(WORLD)
    rows = [[*tokenizer.encode(f"{q.prompt} {q.answer}."), 256] for q in questions]
    width = max(map(len, rows))
    ids = torch.tensor([row + [256] * (width - len(row)) for row in rows])
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 4, "n_kv_head": 4, "d_model": 64, "d_ff": 128}
    model = Transformer(ModelConfig(vocab_size=257, context_length=40, **shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        loss = cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.35
    return LoadedModel(model, tokenizer, "cpu", "float32", "knowing", 120)


def measured(loaded: LoadedModel, world: dict[str, Any], batch: int = 64) -> Recall:
    *progress, recall = measure_recall(loaded, world, batch)
    assert all(isinstance(item, Progress) for item in progress)
    assert [item.done for item in progress] == sorted(item.done for item in progress)
    assert progress[-1].done == progress[-1].total == recall.asked
    return recall


def test_a_model_that_knows_is_right(knowing: LoadedModel) -> None:
    recall = measured(knowing, WORLD)
    assert (recall.correct, recall.asked, recall.share) == (8, 8, 1.0)
    assert recall.by_attribute == {"birthplace": (6, 6), "pet": (2, 2)} and recall.wrong == ()


def test_a_wrong_truth_is_found_and_shown(knowing: LoadedModel) -> None:
    world = copy.deepcopy(WORLD)
    world["people"][0]["facts"]["birthplace"] = "Anvikstad"
    world["people"][1]["facts"]["pet"] = "a new"  # the model says "a newt": a letter follows
    recall = measured(knowing, world)
    assert recall.by_attribute == {"birthplace": (4, 6), "pet": (1, 2)}
    assert [wrong.question.answer for wrong in recall.wrong] == ["Anvikstad", "Anvikstad", "a new"]
    assert recall.wrong[0].said.startswith(" Anvik.")


def test_asking_together_equals_asking_alone(knowing: LoadedModel) -> None:
    """Of a half-trained copy, whose answers differ."""
    loaded = copy.deepcopy(knowing)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)), alpha=0.05)
    together, alone = measured(loaded, WORLD), measured(loaded, WORLD, batch=1)
    assert together.by_attribute == alone.by_attribute
    greedy = SamplingConfig(temperature=0.0)
    for question in questions_of(WORLD):
        said = "".join(token.text for token in generate(loaded, question.prompt, greedy, 12))
        missed = [wrong.question for wrong in together.wrong]
        assert is_right(said, question.answer) == (question not in missed)


def test_a_model_in_training_is_left_in_training(knowing: LoadedModel) -> None:
    knowing.model.train()
    for _ in measure_recall(knowing, WORLD, batch=2):
        assert knowing.model.training and not torch.is_inference_mode_enabled()


def test_a_prompt_that_fills_the_context_is_asked_all_the_same(knowing: LoadedModel) -> None:
    world = copy.deepcopy(WORLD)
    world["attributes"]["pet"]["cloze"] = ["x" * 100 + "{name} has"]
    world["people"][0]["facts"]["birthplace"] = "long " * 20
    assert measured(knowing, world).asked == 8


@pytest.mark.parametrize(
    ("said", "right"), [(" Anvik", True), (" Anvik, by", True), (" Anviks", False), ("Anvik", False), ("", False)]
)
def test_what_counts_as_right(said: str, right: bool) -> None:
    assert is_right(said, "Anvik") is right


@pytest.mark.parametrize("broken", [{}, {"people": [{}], "attributes": {}}, {"people": [{"name": 1}], "attributes": 3}])
def test_a_world_of_another_form_is_named(broken: dict[str, Any], knowing: LoadedModel) -> None:
    if broken.get("attributes") == {}:
        assert questions_of(broken) == []
    else:
        with pytest.raises(CutawayError, match="cannot be asked about"):
            next(measure_recall(knowing, broken))
