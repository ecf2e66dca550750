"""The packed model against the plain one: the same logits whatever the configuration, cached or not, padded or not."""

from __future__ import annotations

import pytest
import torch

from engine.model.config import ModelConfig, RopeScaling
from engine.model.kv_cache import KVCache
from engine.model.packed import PackedTransformer, supports
from engine.model.packed_columns import ColumnCache
from engine.model.packed_matrix import PlainMatrix, build_matrix, quantize
from engine.model.transformer import Transformer

TOY = {
    "vocab_size": 97,
    "context_length": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_kv_head": 2,
    "d_model": 32,
    "d_ff": 48,
}
KINDS = {
    "cutaway": {},
    "gpt2": {
        "n_kv_head": 4,
        "norm": "layernorm",
        "positions": "learned",
        "activation": "gelu",
        "qk_norm": False,
        "bias": True,
    },
    "llama": {
        "activation": "swiglu",
        "qk_norm": False,
        "tie_embeddings": False,
        "rope_scaling": RopeScaling(kind="llama3", factor=8, original_context=16),
    },
    "mistral": {"activation": "swiglu", "qk_norm": False, "window": 5, "head_width": 16},
    "qwen2": {"activation": "swiglu", "qk_norm": False, "qkv_bias": True, "n_kv_head": 1},
    "gemma2": {
        "activation": "geglu",
        "qk_norm": False,
        "norm_place": "sandwich",
        "norm_offset": True,
        "window": 6,
        "windowed_layers": (True, False, True),
        "query_scale": 0.3,
        "attention_softcap": 3.0,
        "logit_softcap": 2.0,
        "embedding_scaled": True,
    },
    "gemma3": {
        "activation": "geglu",
        "norm_place": "sandwich",
        "norm_offset": True,
        "window": 6,
        "windowed_layers": (True, True, False),
        "rope_local_theta": 100.0,
        "rope_scaling": RopeScaling(kind="linear", factor=4),
    },
    "olmo2": {"activation": "swiglu", "norm_place": "post", "qk_norm_over": "width"},
    "biased": {"activation": "swiglu", "bias": True, "out_bias": False, "qk_norm_over": "width", "n_kv_head": 4},
}


def build(**change: object) -> Transformer:
    """Weights so large that opinions differ, and biases and norms that are not what they start from."""
    torch.manual_seed(3)
    model = Transformer(ModelConfig(**{**TOY, **change}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(6) if weight.ndim == 2 else weight.add_(torch.randn_like(weight) * 0.2)
    return model.eval()


def cache_for(packed: PackedTransformer, rows: int = 1) -> KVCache:
    return KVCache(packed.config, rows, torch.float32, "cpu")


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_a_text_read_at_once_then_token_by_token_gives_the_plain_logits(kind: str) -> None:
    model = build(**KINDS[kind])
    packed = PackedTransformer(model, "float32")
    ids = torch.randint(97, (1, 30))
    expected = model(ids)[0]
    cache = cache_for(packed)
    read = [packed(ids[:, :9], cache, every=True)[0], packed(ids[:, 9:17], cache, every=True)[0]]
    steps = [packed(ids[:, at : at + 1], cache) for at in range(17, 30)]
    torch.testing.assert_close(torch.cat([*read, *steps]), expected, rtol=1e-4, atol=1e-4)
    cache.truncate(12)
    torch.testing.assert_close(packed(ids[:, 12:20], cache)[0], expected[19], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_rows_of_unequal_length_give_what_each_gives_alone(kind: str, columns: bool) -> None:
    model = build(**KINDS[kind])
    packed = PackedTransformer(model, "float32")
    lengths = torch.tensor([9, 3, 1, 7])
    texts = [torch.randint(97, (1, length + 12)) for length in lengths.tolist()]
    padded = torch.zeros(4, 9, dtype=torch.int64)
    for row, text, length in zip(padded, texts, lengths.tolist(), strict=True):
        row[9 - length :] = text[0, :length]
    cache = ColumnCache(packed.config, 4, 30) if columns else cache_for(packed, 4)
    given = [packed(padded, cache, lengths)]
    for step in range(12):
        new = torch.cat([text[:, length + step] for text, length in zip(texts, lengths.tolist(), strict=True)])
        given.append(packed(new[:, None], cache))
    for row, (text, length) in enumerate(zip(texts, lengths.tolist(), strict=True)):
        alone = model(text)[0, length - 1 :]
        torch.testing.assert_close(torch.stack(given)[:, row], alone, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_rows_that_go_on_do_not_notice_those_that_left() -> None:
    packed = PackedTransformer(build(), "float32")
    ids = torch.randint(97, (3, 8))
    cache, whole = cache_for(packed, 3), cache_for(packed, 3)
    packed(ids, cache, torch.tensor([8, 5, 6]))
    packed(ids, whole, torch.tensor([8, 5, 6]))
    cache.select(torch.tensor([2, 0]))
    new = torch.tensor([[1], [2], [3]])
    both = packed(new[[2, 0]], cache)
    torch.testing.assert_close(both, packed(new, whole)[[2, 0]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("weights", "far"), [("bfloat16", 0.02), ("int8", 0.03)])
@pytest.mark.parametrize("kind", ["cutaway", "gpt2", "gemma2", "biased"])
@torch.inference_mode()
def test_fewer_bits_stay_near(kind: str, weights: str, far: float) -> None:
    model = build(**KINDS[kind])
    packed = PackedTransformer(model, weights)
    ids = torch.randint(97, (1, 30))
    expected, cache = model(ids)[0], cache_for(packed)
    given = torch.cat(
        [packed(ids[:, :15], cache, every=True)[0]] + [packed(ids[:, n : n + 1], cache) for n in range(15, 30)]
    )
    error = (given - expected).square().mean().sqrt() / expected.std()
    assert error < far * 2, error


@torch.inference_mode()
def test_a_token_that_does_not_fit_is_refused() -> None:
    packed = PackedTransformer(build(), "float32")
    with pytest.raises(ValueError, match="33 tokens do not fit"):
        packed(torch.zeros(1, 33, dtype=torch.int64), cache_for(packed))


def test_a_field_that_came_later_is_not_computed_silently() -> None:
    class Later(ModelConfig):
        sinks: int = 0

    import engine.model.packed as room

    assert supports(ModelConfig(**TOY))
    before, room.ModelConfig = room.ModelConfig, Later
    try:
        assert room.supports(Later(**TOY)) and not room.supports(Later(**TOY, sinks=4))
    finally:
        room.ModelConfig = before


@pytest.mark.parametrize("weights", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("rows", [1, 5])
@torch.inference_mode()
def test_a_packed_matrix_multiplies(weights: str, rows: int) -> None:
    torch.manual_seed(1)
    weight, bias = torch.randn(40, 24), torch.randn(40)
    matrix = build_matrix(weight, bias, weights)
    x = torch.randn(rows, 24) * torch.logspace(-2, 2, rows)[:, None]
    close = {"float32": 1e-6, "bfloat16": 1e-2, "int8": 1.5e-2}[weights]
    expected = x.double() @ weight.double().T + bias.double()
    sizes = expected.square().mean(dim=1, keepdim=True).sqrt()

    def far(given: torch.Tensor, wanted: torch.Tensor) -> float:
        return float(((given.double() - wanted) / sizes).square().mean().sqrt())

    x = x.to(matrix.dtype)
    assert far(matrix(x), expected) < close
    assert far(matrix(x, "gelu"), torch.nn.functional.gelu(expected, approximate="tanh")) < close
    assert far(matrix.plus(x, torch.ones(rows, 40)), expected + 1) < close


def test_a_machine_without_these_kernels_multiplies_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr("engine.model.packed_matrix._quantized_engines", list)
    weight, x = torch.randn(40, 24), torch.randn(2, 24)
    for weights, close in (("float32", 1e-5), ("bfloat16", 0.1), ("int8", 0.1)):
        matrix = build_matrix(weight, None, weights)
        assert isinstance(matrix, PlainMatrix)
        torch.testing.assert_close(matrix(x.to(matrix.dtype)).float(), x @ weight.T, rtol=close, atol=close)


def test_int8_weights_are_at_most_half_a_step_off() -> None:
    weight = torch.randn(8, 50) * torch.logspace(-6, 3, 8)[:, None]
    weight[3] = 0
    values, scales = quantize(weight)
    assert values.dtype == torch.int8 and int(values.abs().max()) == 127
    assert ((values * scales[:, None] - weight).abs() <= scales[:, None] * 0.5001).all()
