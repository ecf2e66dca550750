"""The hand-written backward passes against torch's own, in float64, and against the plain path of the model."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from engine.model import kernels
from engine.model.blocks.rotary import rotary_tables, rotate
from engine.model.config import ModelConfig
from engine.model.kernels_attention import causal_products
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken, next_token_loss


def numbers(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()


def same(ours: torch.Tensor, theirs: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    """Value and all gradients, for a gradient that is different everywhere."""
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
    upward = numbers(*theirs.shape).detach()
    expected = torch.autograd.grad(theirs, inputs, upward)
    for found, wanted in zip(torch.autograd.grad(ours, inputs, upward), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-10, rtol=1e-10)


def test_rms_norm() -> None:
    x, weight = numbers(3, 5, 8), numbers(8)
    same(kernels.rms_norm(x, weight, 1e-3), functional.rms_norm(x, (8,), weight, 1e-3), [x, weight])


def test_relu_squared() -> None:
    x = numbers(4, 7)
    same(kernels.relu_squared(x), x.relu().square(), [x])


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_norm_and_rotation(normed: bool, turned: bool) -> None:
    x, weight = numbers(2, 6, 3, 8).transpose(1, 2), numbers(8)  # strides as after a split into heads
    rotary = tuple(table.double() for table in rotary_tables(8, 6, 100.0)) if turned else None
    plain = functional.rms_norm(x, (8,), weight, 1e-5) if normed else x * 1
    plain = rotate(plain, *rotary) if rotary else plain
    ours = kernels.norm_and_rotate(x, weight if normed else None, rotary, 1e-5)  # type: ignore[arg-type]
    same(ours, plain, [x, weight] if normed else [x])


@pytest.mark.parametrize(("length", "rows"), [(6, 5), (33, 2), (1100, 3)])
def test_causal_products(length: int, rows: int) -> None:
    q, k, v = (numbers(rows, length, width).mul(0.5) for width in (4, 4, 4))
    for x in (q, k, v):
        x.retain_grad()
    plain = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3)
    same(causal_products(q, k, v, 0.3), plain, [q, k, v])


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("vocabulary", [11, 20_000])
def test_the_loss_in_chunks(softcap: float | None, vocabulary: int) -> None:
    """300 rows of 20,000 words are two chunks."""
    hidden, head = numbers(2, 150, 4), numbers(vocabulary, 4)
    targets = torch.randint(0, vocabulary, (2, 150), generator=torch.Generator().manual_seed(0))
    logits = hidden @ head.t()
    logits = logits if softcap is None else softcap * (logits / softcap).tanh()
    plain = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    same(next_token_loss(hidden, head, targets, softcap), plain, [hidden, head])


def test_the_loss_of_one_row_by_hand() -> None:
    """Logits 1, 0, -1 for the second word: ln(e + 1 + 1/e)."""
    hidden, head = torch.tensor([[[1.0]]]), torch.tensor([[1.0], [0.0], [-1.0]])
    found = next_token_loss(hidden, head, torch.tensor([[1]]))
    assert found.item() == pytest.approx(math.log(math.e + 1 + 1 / math.e))


def test_impossible_words_do_not_break_the_loss() -> None:
    """A word that the model excludes by far costs its distance; nothing overflows."""
    hidden, head = torch.tensor([[[1.0], [1.0]]]), torch.tensor([[0.0], [-3e4], [3e4]])
    found = next_token_loss(hidden, head, torch.tensor([[1, 2]]))
    assert found.item() == pytest.approx(3e4)


SHAPES = [
    {"n_kv_head": 4, "d_ff": 64},
    {"n_kv_head": 2, "d_ff": 48, "activation": "swiglu", "qk_norm": False, "tie_embeddings": False},
    {"n_kv_head": 4, "d_ff": 64, "activation": "gelu", "norm": "layernorm", "positions": "learned", "bias": True},
    {"n_kv_head": 2, "d_ff": 48, "activation": "geglu", "norm_place": "sandwich", "norm_offset": True, "window": 5}
    | {"attention_softcap": 4.0, "logit_softcap": 3.0, "embedding_scaled": True},
    {"n_kv_head": 1, "d_ff": 48, "activation": "swiglu", "norm_place": "post", "qk_norm_over": "width"},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_training_takes_the_gradient_of_the_plain_model(shape: dict[str, object]) -> None:
    """The model in training mode, with its kernels and chunks, against itself in float64 without them."""
    torch.manual_seed(4)
    config = ModelConfig(vocab_size=61, context_length=24, n_layer=2, n_head=4, d_model=32, **shape)  # type: ignore[arg-type]
    model = Transformer(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, mean=0.05, std=0.2)
    ids, targets = torch.randint(0, 61, (2, 3, 20))
    NextToken(model.train())(ids, targets).backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.double().eval().zero_grad()
    hidden = model.hidden(ids)
    logits = model.head(hidden)
    cap = config.logit_softcap
    logits = logits if cap is None else cap * (logits / cap).tanh()
    functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(ours[name].double(), weight.grad, atol=2e-5, rtol=2e-3, msg=name)
