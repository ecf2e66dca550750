"""A known family in the place of a model of our own: the same logits, or a clear word that there is none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.errors import CutawayError
from engine.formats.equivalent import equivalent
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights

SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "context_length": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_kv_head": 2,
    "d_model": 32,
    "d_ff": 48,
}
GPT2: dict[str, Any] = {"norm": "layernorm", "positions": "learned", "activation": "gelu", "qk_norm": False}


def toy(**change: Any) -> Transformer:
    torch.manual_seed(1)
    model = Transformer(ModelConfig(**{**SHAPE, **change}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4).add_(torch.rand_like(weight) / 8)
    return model.eval()


@pytest.mark.parametrize(
    ("change", "family"),
    [
        ({}, "qwen3"),
        ({"activation": "swiglu", "tie_embeddings": False}, "qwen3"),
        ({"qk_norm": False}, "llama"),
        ({"qk_norm": False, "bias": True}, "llama"),
        ({"qk_norm": False, "qkv_bias": True, "activation": "swiglu"}, "qwen2"),
        ({**GPT2, "n_kv_head": 4}, "gpt2"),
        ({**GPT2, "n_kv_head": 4, "bias": True}, "gpt2"),
    ],
)
def test_a_known_family_gives_the_same_logits(change: dict[str, Any], family: str) -> None:
    model = toy(**change)
    same = equivalent(model.config, weights(model))
    assert same.config.family == family and same.notes
    other = Transformer(same.config).eval()
    load_weights(other, dict(same.tensors))
    ids = torch.randint(97, (2, 32))
    with torch.inference_mode():
        torch.testing.assert_close(other(ids), model(ids), rtol=1e-5, atol=1e-5)


def test_a_squared_relu_loses_at_most_what_is_told() -> None:
    u = torch.linspace(-30, 30, 600_001, dtype=torch.float64)
    steep = torch.nn.functional.silu(u * 2**10) * (u / 2**5) * 2**-5
    error = (steep - u.relu().square()).abs()
    assert error.max() < 0.55 / 2**20 and error[u.abs() > 0.05].max() < 1e-15


def test_half_precision_holds_what_a_squared_relu_becomes() -> None:
    model = toy()
    same = equivalent(model.config, weights(model))
    for name, tensor in same.tensors.items():
        if ".mlp." in name and tensor.ndim == 2:
            torch.testing.assert_close(tensor.half().float(), tensor, rtol=2e-3, atol=1e-6)


def test_a_model_of_a_known_family_stays_as_it_is() -> None:
    model = toy(family="llama", activation="swiglu", qk_norm=False)
    tensors = weights(model)
    same = equivalent(model.config, tensors)
    assert same.config is model.config and same.tensors is tensors and same.notes == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"activation": "geglu"}, "geglu"),
        ({"norm": "layernorm"}, "norm"),
        ({"bias": True}, "other biases"),
        ({**GPT2, "n_kv_head": 2}, "key and value heads"),
        ({**GPT2, "n_kv_head": 4, "activation": "relu2"}, "activation"),
        ({"logit_softcap": 30.0}, "logit_softcap"),
        ({"window": 8}, "window"),
        ({"qk_norm": False, "out_bias": True}, "behind attention"),
    ],
)
def test_what_no_family_computes_is_refused_in_words(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CutawayError, match="No model family") as error:
        equivalent(ModelConfig(**{**SHAPE, **change}), {})
    assert reason in error.value.why and "bundle" in error.value.remedy
