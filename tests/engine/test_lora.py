"""Low-rank additions: nothing at their start, the product when written out, and nothing left when they are gone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.errors import CutawayError
from engine.model import lora
from engine.model.config import ModelConfig
from engine.model.kv_cache import KVCache
from engine.model.lora_config import PARTS, LoraConfig, adapter_parameters
from engine.model.lora_modules import GrownEmbedding
from engine.model.packed import PackedTransformer
from engine.model.sizing import estimate
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.objectives.next_token import NextToken

TOY = {"vocab_size": 61, "context_length": 32, "n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 32, "d_ff": 48}
SHAPES: dict[str, dict[str, object]] = {
    "ours": {},
    "gated": {"activation": "swiglu", "tie_embeddings": False, "qk_norm": False},
    "biased": {"n_kv_head": 4, "norm": "layernorm", "positions": "learned", "activation": "gelu", "bias": True}
    | {"qk_norm": False},
}
IDS = torch.arange(40).view(2, 20) + 21  # of which the last is the last token


def build(rows: int = 0, config: LoraConfig | None = None, learned: bool = True, **change: object) -> Transformer:
    """With an adapter that has learned something, unless said otherwise."""
    torch.manual_seed(1)
    model = Transformer(ModelConfig(**{**TOY, **change})).eval()  # type: ignore[arg-type]
    lora.attach(model, config or LoraConfig(rank=3, alpha=6), seed=5, embedding_rows=rows)
    if learned:
        random = torch.Generator().manual_seed(2)
        for tensor in lora.lora_weights(model).values():
            tensor.add_(torch.randn(tensor.shape, generator=random) * 0.1)
    return model


def by_hand(model: Transformer, config: LoraConfig) -> Transformer:
    """The same model with scale B A added part by part."""
    whole = Transformer(model.config).eval().to(model.embedding.weight.dtype)
    found, added = weights(model), lora.lora_weights(model)
    heads = model.config.head_dim
    rows = {"query": (0, 4 * heads), "key": (4 * heads, (4 + model.config.n_kv_head) * heads)}
    rows["value"] = (rows["key"][1], rows["key"][1] + model.config.n_kv_head * heads)
    rows |= {"gate": (0, 48), "up": (48, 96) if model.config.gated else (0, 48), "out": (0, 32), "down": (0, 32)}
    for name, tensor in found.items():
        tensor = tensor.clone()
        for part, (start, end) in rows.items():
            key = f"{name.removesuffix('.weight')}.{part}"
            if f"{key}.A" in added:
                tensor[start:end] += config.alpha / config.rank * added[f"{key}.B"] @ added[f"{key}.A"]
        if name in ("embedding.weight", "head.weight"):
            own = added.get(name.replace(".weight", "_rows"))
            if own is not None:
                tensor[-len(own) :] = own
        whole.get_parameter(name).data.copy_(tensor)
    return whole


@pytest.mark.parametrize("name", SHAPES)
def test_at_its_start_it_changes_nothing(name: str) -> None:
    torch.manual_seed(1)
    plain = Transformer(ModelConfig(**{**TOY, **SHAPES[name]})).eval()  # type: ignore[arg-type]
    model = build(rows=4, learned=False, **SHAPES[name])
    assert torch.equal(model(IDS), plain(IDS))
    assert {key: torch.equal(value, weights(model)[key]) for key, value in weights(plain).items()} == dict.fromkeys(
        weights(plain), True
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model.train()(IDS), plain.train()(IDS))


@pytest.mark.parametrize("parts", [PARTS, ("key", "up"), ("query", "value", "down"), ("out", "gate", "up")])
@pytest.mark.parametrize("name", SHAPES)
def test_it_is_the_product_added_to_the_weights(name: str, parts: tuple[str, ...]) -> None:
    config = LoraConfig(rank=3, alpha=6, parts=parts, layers=(1, 2))  # type: ignore[arg-type]
    model = build(4, config, **SHAPES[name])
    wanted = by_hand(model, config)(IDS)
    torch.testing.assert_close(model(IDS), wanted, atol=1e-5, rtol=1e-5)
    assert not any(key.startswith("blocks.0") for key in lora.lora_weights(model))


@pytest.mark.parametrize("name", SHAPES)
def test_merged_is_unmerged_and_comes_back_bit_for_bit(name: str) -> None:
    model = build(4, **SHAPES[name])
    before, told = {key: value.clone() for key, value in weights(model).items()}, model(IDS)
    lora.set_enabled(model, False)
    base = model(IDS)
    lora.merge(model)
    assert lora.is_enabled(model) and lora.is_merged(model)
    torch.testing.assert_close(model(IDS), told, atol=1e-5, rtol=1e-5)
    whole = Transformer(model.config).eval()
    whole.load_state_dict(weights(model), strict=False)
    torch.testing.assert_close(whole(IDS), told, atol=1e-5, rtol=1e-5)
    lora.set_enabled(model, False)
    assert torch.equal(model(IDS), base) and not torch.allclose(base, told)
    assert all(torch.equal(value, before[key]) for key, value in weights(model).items())
    lora.set_enabled(model, True)
    assert torch.equal(model(IDS), told)
    lora.detach(model)
    assert torch.equal(model(IDS), base) and all(p.requires_grad for p in model.parameters())
    assert [*model.state_dict()] == [*Transformer(model.config).state_dict()]


@pytest.mark.parametrize("name", SHAPES)
def test_its_gradients_are_those_of_the_weights_written_out(name: str) -> None:
    """dA = scale B^T dW and dB = scale dW A^T, with dW taken from the whole weights in float64."""
    config = LoraConfig(rank=3, alpha=6)
    model = build(4, config, **SHAPES[name]).double().train()
    whole = by_hand(model, config).train()
    upward = torch.randn(2, 20, 61, dtype=torch.float64)
    for each in (model, whole):
        (each.head(each.hidden(IDS)) * upward).sum().backward()
    assert all((weight.grad is not None) == lora.is_adapter(key) for key, weight in model.named_parameters())
    added = {key: value for key, value in model.named_parameters() if lora.is_adapter(key)}
    for key, linear in lora._linears(model):
        full = whole.get_parameter(f"{key}.weight").grad
        inner = 0
        for index, (part, rows) in enumerate(linear.parts):
            a, b = linear.pieces()[part]
            da = added[f"{key}.lora_a"].grad[index * 3 : index * 3 + 3]
            db = added[f"{key}.lora_b"].grad[inner : inner + len(b)]
            inner += len(b)
            torch.testing.assert_close(da, 2 * b.t() @ full[rows])
            torch.testing.assert_close(db, 2 * full[rows] @ a.t())
    torch.testing.assert_close(added["embedding.tail"].grad, whole.embedding.weight.grad[-4:])


def test_the_loss_reaches_the_rows_of_new_tokens() -> None:
    """A tied row learns as an input and as an output."""
    config = LoraConfig(rank=3, alpha=6)
    model = build(4, config).train()
    whole = by_hand(model, config).train()
    for each in (model, whole):
        NextToken(each)(IDS, IDS.flip(1)).backward()
    assert isinstance(model.embedding, GrownEmbedding)
    torch.testing.assert_close(model.embedding.tail.grad, whole.embedding.weight.grad[-4:], atol=1e-6, rtol=1e-4)


def test_dropout_falls_on_the_addition_alone() -> None:
    model = build(config=LoraConfig(rank=3, dropout=0.5)).train()
    first, second = model(IDS), model(IDS)
    assert not torch.equal(first, second)
    lora.set_enabled(model, False)
    assert torch.equal(model(IDS), model(IDS))
    lora.set_enabled(model, True)
    assert torch.equal(model.eval()(IDS), model(IDS))


def test_bfloat16_products_are_close() -> None:
    model = build().train()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(IDS)
    torch.testing.assert_close(rounded, model(IDS), atol=0.03, rtol=0.05)


@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_the_packed_model_writes_with_the_adapter_that_is_on(name: str) -> None:
    model = build(4, **SHAPES[name])
    for enabled in (True, False):
        lora.set_enabled(model, enabled)
        packed = PackedTransformer(model, "float32")
        told = packed(IDS, KVCache(model.config, 2, torch.float32, "cpu"), every=True)
        torch.testing.assert_close(told, model(IDS), atol=1e-4, rtol=1e-4)


def test_what_learned_is_kept_and_comes_back() -> None:
    model = build(4, tie_embeddings=False)
    kept = {name: tensor.clone() for name, tensor in lora.lora_weights(model).items()}
    assert {"blocks.1.attention.qkv.value.B", "embedding_rows", "head_rows"} < set(kept)
    assert sum(t.numel() for t in kept.values()) == adapter_parameters(model.config, LoraConfig(rank=3), 4)
    other = build(4, learned=False, tie_embeddings=False)
    lora.load_lora(other, kept)
    assert torch.equal(other(IDS), model(IDS))
    kept.pop("head_rows")
    with pytest.raises(CutawayError, match="head_rows"):
        lora.load_lora(other, kept)


def test_the_same_seed_gives_the_same_start() -> None:
    def start(seed: int) -> Tensor:
        model = Transformer(ModelConfig(**TOY))  # type: ignore[arg-type]
        lora.attach(model, LoraConfig(rank=4), seed)
        return lora.lora_weights(model)["blocks.0.mlp.down.down.A"]

    assert torch.equal(start(3), start(3)) and not torch.equal(start(3), start(4))
    assert 0.9 / 48**0.5 < start(3).abs().max() <= 1 / 48**0.5


def test_nothing_chosen_is_told() -> None:
    model = Transformer(ModelConfig(**TOY))  # type: ignore[arg-type]
    with pytest.raises(CutawayError, match="change nothing"):
        lora.attach(model, LoraConfig(parts=("gate",)), 0)
    with pytest.raises(CutawayError, match="change nothing"):
        lora.attach(model, LoraConfig(layers=(2, 5)), 0)
    assert all(weight.requires_grad for weight in model.parameters())


def test_a_probe_tells_that_it_learned_or_was_switched() -> None:
    model = build()
    before = lora.adapter_probe(model)
    assert before is not None and torch.equal(before, lora.adapter_probe(model))
    lora.set_enabled(model, False)
    assert not torch.equal(before, lora.adapter_probe(model))
    lora.detach(model)
    assert lora.adapter_probe(model) is None


def test_what_an_adapter_costs_is_counted() -> None:
    """GPT-2's 124M: gradients and averages of the adapter alone, and no gradient of the head."""
    heads = {"n_layer": 12, "n_head": 12, "n_kv_head": 12, "d_model": 768, "d_ff": 3072}
    model = ModelConfig(vocab_size=50_304, context_length=1024, **heads)
    asked = {"tokens": 10**6, "micro_tokens": 1024, "flops_per_second": 1e11}
    full, small = estimate(model, **asked), estimate(model, **asked, lora=LoraConfig(rank=8), new_rows=6)  # type: ignore[arg-type]
    learning = adapter_parameters(model, LoraConfig(rank=8), 6)
    assert learning == 12 * 8 * (3 * (768 + 768) + 768 + 768 + 2 * (768 + 3072)) + 6 * 768
    saved = 12 * model.parameters() + 8 * 50_304 * 768 - 16 * learning
    assert full.memory_bytes - small.memory_bytes == pytest.approx(saved, rel=0.15)
    assert small.disk_bytes == learning * 12 * 3
    assert 0.6 < small.seconds / full.seconds < 0.75
