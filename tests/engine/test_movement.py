"""How far weights moved, against the norms computed in float64."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from engine.evaluation.movement import StoredWeights, how_far
from engine.model.config import ModelConfig
from engine.model.lora import attach, lora_weights, merge, set_enabled
from engine.model.lora_config import LoraConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.checkpoint import save_checkpoint

SHAPE = {"context_length": 8, "n_layer": 2, "n_head": 2, "n_kv_head": 1, "d_model": 16, "d_ff": 24}


def toy(seed: int, **change: object) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(ModelConfig(**{"vocab_size": 20, **SHAPE, **change}))


@pytest.mark.parametrize("change", [{}, {"bias": True, "norm": "layernorm", "positions": "learned"}])
def test_norms_are_those_of_float64(tmp_path: Path, change: dict) -> None:
    model, base = toy(1, **change), toy(2, **change)
    before = {name: tensor.double() for name, tensor in weights(base).items()}
    folder = save_checkpoint(tmp_path, 1, {"model": weights(base)}, {})
    parts, moved = how_far(model, StoredWeights(folder))
    assert list(parts) == [name.removesuffix(".weight") for name in weights(model)]
    assert "blocks.1.attention.qkv" in parts and len(set(parts)) == len(parts)
    for share, (name, weight) in zip(moved, weights(model).items(), strict=True):
        size = before[name].norm().item()
        expected = (weight.double() - before[name]).norm().item()
        if not expected:
            assert share == 0.0
        elif not size:
            assert math.isnan(share)
        else:
            assert share == pytest.approx(expected / size, rel=1e-6)


@pytest.mark.parametrize("merged", [False, True])
def test_an_adapter_moves_what_it_is_added_to(merged: bool) -> None:
    """The norm of scale B A over that of the matrix, part by part in float64; nothing while it is switched off."""
    model, base = toy(1), {name: tensor.clone() for name, tensor in weights(toy(1)).items()}
    attach(model, LoraConfig(rank=3, alpha=6, parts=("query", "value", "down"), layers=(1, 2)), 1, embedding_rows=2)
    changes = lora_weights(model)
    random = torch.Generator().manual_seed(8)
    for tensor in changes.values():
        tensor.copy_(torch.randn(tensor.shape, generator=random))
    if merged:
        merge(model)
    found = dict(zip(*how_far(model, base), strict=True))
    for name, parts in (("attention.qkv", ("query", "value")), ("mlp.down", ("down",))):
        pairs = [(changes[f"blocks.1.{name}.{part}.B"], changes[f"blocks.1.{name}.{part}.A"]) for part in parts]
        norms = [(2 * (b.double() @ a.double())).norm().item() for b, a in pairs]
        size = base[f"blocks.1.{name}.weight"].double().norm().item()
        assert found.pop(f"blocks.1.{name}") == pytest.approx(math.hypot(*norms) / size, rel=1e-5)
    old = base["embedding.weight"].double()
    expected = (changes["embedding_rows"].double() - old[-2:]).norm() / old.norm()
    assert found.pop("embedding") == pytest.approx(expected.item(), rel=1e-5)
    assert set(found.values()) == {0.0}
    set_enabled(model, False)
    assert set(how_far(model, base)[1]) == {0.0}


def test_nothing_moved() -> None:
    model = toy(1)
    _, moved = how_far(model, weights(model))
    assert set(moved) == {0.0}


def test_rows_of_new_tokens_do_not_count() -> None:
    """A vocabulary that grew: its old rows are compared, and the base knows nothing of the others."""
    base, model = toy(1), toy(1, vocab_size=23)
    with torch.no_grad():
        model.embedding.weight[:20] = base.embedding.weight * 1.5
    parts, moved = how_far(model, weights(base))
    assert moved[parts.index("embedding")] == pytest.approx(0.5, rel=1e-6)


def test_stored_weights_are_read_by_name(tmp_path: Path) -> None:
    model = toy(1)
    stored = StoredWeights(save_checkpoint(tmp_path, 1, {"model": weights(model)}, {}))
    assert set(stored) == set(weights(model)) and len(stored) == len(weights(model))
    assert all(torch.equal(stored[name], weight) for name, weight in weights(model).items())
    assert "nothing" not in stored
