"""Several texts in one row, against each of them alone: the same logits, the same gradient of every weight."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.model.config import ModelConfig, RopeScaling
from engine.model.hooks import Hooks
from engine.model.kernels_attention import causal_products
from engine.model.kv_cache import KVCache
from engine.model.transformer import Transformer

TOY = {"vocab_size": 61, "context_length": 300, "n_layer": 2, "n_head": 4, "n_kv_head": 4, "d_model": 32, "d_ff": 48}
SHAPES: dict[str, dict[str, object]] = {
    "ours": {},
    "grouped": {"n_kv_head": 2, "activation": "swiglu", "qk_norm": False, "tie_embeddings": False},
    "stretched": {"n_kv_head": 1, "rope_scaling": RopeScaling(kind="llama3", factor=8, original_context=16)},
    "learned": {"activation": "gelu", "norm": "layernorm", "positions": "learned", "bias": True, "qk_norm": False},
    "window": {"window": 7, "windowed_layers": (True, False), "rope_local_theta": 100.0},
    "capped": {"attention_softcap": 4.0, "logit_softcap": 3.0, "norm_place": "sandwich", "embedding_scaled": True},
    "wide norm": {"n_kv_head": 2, "norm_place": "post", "qk_norm_over": "width", "head_width": 12},
}
# What each row holds: the texts of the second begin where blocks of 128 queries and the context end.
SHORT = ((5, 1, 14), (20,), (3, 17))
LONG = ((100, 28, 1, 130, 21), (140, 128, 12))


def build(**change: object) -> Transformer:
    torch.manual_seed(4)
    model = Transformer(ModelConfig(**{**TOY, **change}))  # type: ignore[arg-type]
    for weight in model.parameters():
        torch.nn.init.normal_(weight, mean=0.05, std=0.2)
    return model.train()


def segments_of(lengths: tuple[tuple[int, ...], ...]) -> Tensor:
    """Numbered from 3 on: which numbers they are does not count."""
    rows = [torch.repeat_interleave(torch.arange(3, 3 + len(row)), torch.tensor(row)) for row in lengths]
    return torch.stack(rows)


def texts(ids: Tensor, lengths: tuple[tuple[int, ...], ...]) -> list[Tensor]:
    return [text for row, sizes in zip(ids, lengths, strict=True) for text in row.split(list(sizes))]


def gradients(model: Transformer, loss: Tensor) -> dict[str, Tensor]:
    return dict(zip(dict(model.named_parameters()), torch.autograd.grad(loss, list(model.parameters())), strict=True))


def weighed(logits: Tensor) -> Tensor:
    """A loss whose gradient is different everywhere."""
    return (logits * torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)).sum() / len(logits)


def compare(model: Transformer, lengths: tuple[tuple[int, ...], ...], tolerance: float) -> None:
    ids = torch.randint(0, 61, (len(lengths), sum(lengths[0])))
    packed = model(ids, segments=segments_of(lengths)).flatten(0, 1)
    alone = torch.cat([model(text[None])[0] for text in texts(ids, lengths)])
    torch.testing.assert_close(packed, alone, atol=tolerance, rtol=tolerance)
    expected = gradients(model, weighed(alone))
    for name, found in gradients(model, weighed(packed)).items():
        size = expected[name].abs().max()
        torch.testing.assert_close(found / size, expected[name] / size, atol=tolerance, rtol=0, msg=name)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("lengths", [SHORT, LONG])
def test_a_packed_row_is_each_text_alone(name: str, lengths: tuple[tuple[int, ...], ...]) -> None:
    """In float64 (logits and capped scores are float32 even then), with training's kernels and by the plain path."""
    model = build(**SHAPES[name]).double()
    compare(model, lengths, 1e-6)
    if lengths is SHORT:
        compare(model.eval(), lengths, 1e-6)


def test_in_float32() -> None:
    """At the size that weights have at their start, where rounding is what it is in training."""
    torch.manual_seed(0)
    compare(Transformer(ModelConfig(**TOY)).train(), SHORT, 1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("heads_at_once", [1, 3, 4, 9, 100])
def test_products_of_rows_that_differ(heads_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever heads come together, parts of rows or several rows: torch's own attention with a mask."""
    monkeypatch.setattr("engine.model.kernels_attention._SCORES_AT_ONCE", heads_at_once * 300**2)
    q, k, v = (torch.randn(3 * 4, 300, 8, dtype=torch.float64, requires_grad=True) for _ in range(3))
    begins = torch.zeros(3, 300, dtype=torch.int64)
    begins[0, 200:], begins[1, 140:], begins[1, 290:] = 200, 140, 280
    slots = torch.arange(300)
    seen = (slots <= slots[:, None]) & (slots >= begins[:, :, None])
    mask = seen.repeat_interleave(4, dim=0)
    wanted = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3)
    found = causal_products(q, k, v, 0.3, begins)
    torch.testing.assert_close(found, wanted, atol=1e-10, rtol=1e-10)
    upward = torch.randn_like(wanted)
    for ours, theirs in zip(
        torch.autograd.grad(found, (q, k, v), upward), torch.autograd.grad(wanted, (q, k, v), upward), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def test_in_bfloat16() -> None:
    """As close to float32 as bfloat16 is for one text alone."""
    model = build()
    ids, segments = torch.randint(0, 61, (3, 20)), segments_of(SHORT)
    exact = model(ids, segments=segments)
    with torch.autocast("cpu", torch.bfloat16):
        error = (model(ids, segments=segments) - exact).abs().mean()
        alone = (model(ids) - model.eval()(ids)).abs().mean()
    assert error < 2 * alone + 0.01 * exact.abs().mean()


def test_attention_patterns_show_no_other_text() -> None:
    seen: list[Tensor] = []
    hooks = Hooks({"block.1.attention.pattern": lambda pattern: seen.append(pattern)})
    build().eval()(torch.randint(0, 61, (1, 20)), hooks=hooks, segments=segments_of(((5, 15),)))
    assert (seen[0][0, :, 5:, :5] == 0).all() and (seen[0][0, :, 5, 5] == 1).all()


def test_segments_are_refused_with_a_cache_and_with_padding() -> None:
    model, ids = build().eval(), torch.randint(0, 61, (1, 5))
    segments = torch.zeros_like(ids)
    with pytest.raises(ValueError, match="segments"):
        model(ids, KVCache(model.config, 1, torch.float32, "cpu"), segments=segments)
    with pytest.raises(ValueError, match="segments"):
        model(ids, lengths=torch.tensor([3]), segments=segments)
