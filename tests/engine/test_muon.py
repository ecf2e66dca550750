"""Muon against torch's own, against plain float64, and in its place beside AdamW."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.stages.pretrain import Config, plan
from engine.training.muon import Matrix, Muon, orthogonal
from engine.training.optimizers import (
    block_matrices,
    build_adamw,
    build_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
    withhold,
)
from engine.training.precision import Precision

SHAPES = [(24, 8), (8, 24), (16, 16), (1, 8)]
FLOAT32 = Precision("cpu", "float32")
Array = npt.NDArray[np.float64]


def tiny(**more: object) -> ModelConfig:
    sizes = {"vocab_size": 30, "context_length": 8, "n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 16}
    return ModelConfig(**{**sizes, "d_ff": 24, "activation": "swiglu", **more})


def training(**more: object):
    return plan(Config(depth=2, optimizer="muon", **more), 30).training


def newton_schulz(x: Array) -> Array:
    """Jordan's published iteration, in float64."""
    turned = x.shape[0] > x.shape[1]
    x = (x.T if turned else x) / max(float(np.linalg.norm(x)), 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if turned else x


@pytest.mark.parametrize("shape", SHAPES)
def test_the_iteration_equals_float64_and_makes_singular_values_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = orthogonal(matrix.float(), torch.float32)
    np.testing.assert_allclose(found.numpy(), newton_schulz(matrix.numpy()), atol=2e-5)
    sizes = torch.linalg.svdvals(orthogonal(matrix.float()).float())
    assert float(sizes.min()) > 0.6 and float(sizes.max()) < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ found.double() @ right.T
    torch.testing.assert_close(turned, torch.diag(turned.diagonal()), atol=1e-4, rtol=0)  # the same singular vectors


def test_no_gradient_makes_no_update() -> None:
    assert torch.equal(orthogonal(torch.zeros(4, 6)), torch.zeros(4, 6, dtype=torch.bfloat16))


def test_twenty_steps_equal_torchs_own() -> None:
    dice = torch.Generator().manual_seed(5)
    ours = [nn.Parameter(torch.randn(shape, generator=dice)) for shape in SHAPES]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    chosen = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    one = Muon([Matrix(weight, (len(weight),)) for weight in ours], dtype=torch.bfloat16, **chosen)
    other = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **chosen)
    for step in range(20):
        set_learning_rate(one, 0.02 / (1 + step))
        set_learning_rate(other, 0.02 / (1 + step))
        for weight, twin in zip(ours, theirs, strict=True):
            weight.grad = torch.randn(weight.shape, generator=dice)
            twin.grad = weight.grad.clone()
        one.step()
        other.step()
        for weight, twin in zip(ours, theirs, strict=True):
            torch.testing.assert_close(weight, twin, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(one.state[weight]["momentum_buffer"], other.state[twin]["momentum_buffer"])


def test_every_step_equals_plain_float64_with_matrices_that_are_stored_as_one() -> None:
    dice = np.random.default_rng(2)
    rows, rate, decay, momentum = (8, 4, 4), 0.03, 0.2, 0.95
    expected = dice.normal(size=(16, 12))
    average = np.zeros_like(expected)
    weight = nn.Parameter(torch.from_numpy(expected).float())
    work = Muon([Matrix(weight, rows)], lr=rate, momentum=momentum, weight_decay=decay, dtype=torch.float32)
    for _ in range(6):
        gradient = dice.normal(size=expected.shape)
        weight.grad = torch.from_numpy(gradient).float()
        work.step()
        average = momentum * average + (1 - momentum) * gradient
        direction = momentum * average + (1 - momentum) * gradient
        expected = expected * (1 - rate * decay)
        for start, end in ((0, 8), (8, 12), (12, 16)):
            part = direction[start:end]
            expected[start:end] -= rate * 0.2 * np.sqrt(max(part.shape)) * newton_schulz(part)
        np.testing.assert_allclose(weight.detach().numpy(), expected, atol=2e-5)


def test_updates_are_about_as_large_as_adamws() -> None:
    weight = nn.Parameter(torch.zeros(96, 64))
    weight.grad = torch.randn(96, 64, generator=torch.Generator().manual_seed(1))
    Muon([Matrix(weight, (96,))], lr=1.0, momentum=0.9, weight_decay=0.0, dtype=torch.float32).step()
    assert 0.15 < float(weight.detach().square().mean().sqrt()) < 0.25


def test_rows_that_do_not_make_up_the_matrix_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make up"):
        Muon([Matrix(nn.Parameter(torch.zeros(4, 4)), (1, 2))], lr=1, momentum=0, weight_decay=0, dtype=torch.float32)


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    model = Transformer(tiny(bias=True, tie_embeddings=False, norm="layernorm", positions="learned"))
    optimizer = build_optimizer(model, training(weight_decay=0.3), FLOAT32)
    names = {parameter: name for name, parameter in model.named_parameters()}
    muon, *adamw = optimizer.param_groups
    assert sorted(names[p] for p in muon["params"]) == sorted(
        f"blocks.{layer}.{part}.weight"
        for layer in range(2)
        for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
    )
    assert muon["weight_decay"] == 0.3
    rest = {names[p]: group["weight_decay"] for group in adamw for p in group["params"]}
    assert {name for name, decay in rest.items() if decay == 0.3} == {
        *("embedding.weight", "positions.weight", "head.weight")
    }
    assert len(rest) + len(muon["params"]) == len(names)


def test_what_is_stored_as_one_matrix_is_told_apart() -> None:
    rows = {tuple(matrix.weight.shape): matrix.rows for matrix in block_matrices(Transformer(tiny(n_layer=1)))}
    assert rows == {(32, 16): (16, 8, 8), (48, 16): (24, 24), (16, 24): (16,), (16, 16): (16,)}
    whole = block_matrices(Transformer(tiny(activation="relu2", n_layer=1)))
    assert {matrix.rows for matrix in whole} == {(16, 8, 8), (24,), (16,)}


def test_one_learning_rate_moves_both() -> None:
    optimizer = build_optimizer(Transformer(tiny()), training(), FLOAT32)
    set_learning_rate(optimizer, 0.125)
    assert {group["lr"] for group in optimizer.param_groups} == {0.125}
    assert all(group["lr"] == 0.125 for part in optimizer.parts for group in part.param_groups)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_its_state_goes_by_name_and_comes_back(optimizer: str) -> None:
    torch.manual_seed(4)
    chosen = training().model_copy(update={"optimizer": optimizer})
    model, other = Transformer(tiny()), Transformer(tiny())
    work, restored = (build_optimizer(m, chosen, FLOAT32) for m in (model, other))
    steps(model, work, 3)
    other.load_state_dict(model.state_dict())
    tensors = optimizer_tensors(model, work)
    kinds = {"exp_avg", "exp_avg_sq", "step"} | ({"momentum_buffer"} if optimizer == "muon" else set())
    assert {name.split(":")[0] for name in tensors} == kinds
    assert ("momentum_buffer:blocks.0.mlp.up.weight" in tensors) is (optimizer == "muon")
    restore_optimizer(other, restored, tensors)
    for moved, by in ((model, work), (other, restored)):
        torch.manual_seed(6)
        steps(moved, by, 2)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))


def test_the_state_of_another_optimizer_is_refused() -> None:
    model = Transformer(tiny())
    adamw, muon = build_adamw(model, training()), build_optimizer(model, training(), FLOAT32)
    steps(model, adamw, 1)
    with pytest.raises(CutawayError, match="another optimizer"):
        restore_optimizer(model, muon, optimizer_tensors(model, adamw))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_an_update_can_be_withheld_on_the_device(optimizer: str) -> None:
    model = Transformer(tiny())
    work = build_optimizer(model, training().model_copy(update={"optimizer": optimizer}), FLOAT32)
    withhold(work, torch.tensor(False))
    steps(model, work, 2)
    before = [p.detach().clone() for p in model.parameters()]
    state = {name: tensor.clone() for name, tensor in optimizer_tensors(model, work).items()}
    withhold(work, torch.tensor(True))
    steps(model, work, 1, poison=float("nan"))
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert all(torch.equal(tensor, state[name]) for name, tensor in optimizer_tensors(model, work).items())
    withhold(work, torch.tensor(False))
    steps(model, work, 1)
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert not torch.equal(model.blocks[0].mlp.up.weight, before[1])


def steps(model: Transformer, optimizer: torch.optim.Optimizer, count: int, poison: float = 1.0) -> None:
    for _ in range(count):
        ids = torch.randint(0, 30, (2, 8))
        (model(ids).square().mean() * poison).backward()
        optimizer.step()
        optimizer.zero_grad()
