"""Attention maps: rows are shares, the future is dark, and the numbers are those of a calculation by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.generation.loaded import LoadedModel
from engine.interpret.attention import attention_maps
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.kinds.byte import ByteTokenizer


def toy(**change: object) -> LoadedModel:
    shape = {"vocab_size": 257, "context_length": 40, "n_layer": 3, "n_head": 4, "n_kv_head": 2, "d_model": 32}
    torch.manual_seed(1)
    model = Transformer(ModelConfig(**{**shape, "d_ff": 64, **change}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)
    return LoadedModel(model, ByteTokenizer(), "cpu", "float32", "toy", 0)


def test_each_row_divides_one_whole_over_the_past() -> None:
    maps = attention_maps(toy(), "Mira Toll")
    assert maps.tokens == tuple("Mira Toll") and maps.weights.shape == (3, 4, 9, 9)
    assert maps.weights.dtype == np.float16
    np.testing.assert_allclose(maps.weights.astype(np.float64).sum(-1), 1.0, atol=2e-3)
    assert not np.triu(maps.weights.astype(np.float32), 1).any()
    assert (maps.weights[:, :, 0, 0] == 1).all()


def test_equals_a_calculation_by_hand() -> None:
    """One layer, two heads that share one key head, learned positions, no QK norm: softmax(q k / sqrt(d))."""
    loaded = toy(n_layer=1, n_head=2, n_kv_head=1, d_model=8, positions="learned", qk_norm=False, norm="layernorm")
    ids, model = [77, 105, 114], loaded.model
    weight = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    stream = weight["embedding.weight"][ids] + weight["positions.weight"][:3]
    centred = stream - stream.mean(-1, keepdims=True)
    normed = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5)
    normed = normed * weight["blocks.0.attention_norm.weight"] + weight["blocks.0.attention_norm.bias"]
    qkv = normed @ weight["blocks.0.attention.qkv.weight"].T
    key = qkv[:, 8:12]
    for head in range(2):
        query = qkv[:, 4 * head : 4 * head + 4]
        scores = np.where(np.tril(np.ones((3, 3))), query @ key.T / 2.0, -np.inf)
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        np.testing.assert_allclose(attention_maps(loaded, ids).weights[0, head], shares, atol=1e-3)


def test_watching_changes_nothing_in_the_model() -> None:
    loaded = toy(dropout=0.4)
    loaded.model.train()
    state = torch.get_rng_state()
    first, second = attention_maps(loaded, "abc"), attention_maps(loaded, "abc")
    assert np.array_equal(first.weights, second.weights)
    assert loaded.model.training and torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in loaded.model.parameters())


@pytest.mark.parametrize(("asked", "seen"), [(10, 10), (500, 40)])
def test_a_long_text_keeps_its_end_and_says_how_much_is_left_out(asked: int, seen: int) -> None:
    text = "".join(chr(97 + index % 26) for index in range(60))
    maps = attention_maps(toy(), text, max_tokens=asked)
    assert "".join(maps.tokens) == text[-seen:] and maps.left_out == 60 - seen


def test_an_empty_text_is_the_beginning_of_a_document() -> None:
    maps = attention_maps(toy(), "")
    assert maps.token_ids == (256,) and maps.weights.shape[2:] == (1, 1)
