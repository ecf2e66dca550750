"""What is not learned has no gradient, and no way of cutting or filling a batch changes what is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.batches.conversations import ConversationBatches, Tokens, stack, tokens_of
from engine.batches.packed import IGNORE
from engine.control import Control
from engine.events import StepMetrics, Tick
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.objectives.next_token import NextToken, next_token_loss
from engine.stages.sft import Config
from engine.training.loop import Trainer
from engine.training.optimizers import build_adamw
from engine.training.precision import Precision
from engine.training.tuning_plan import make_tuning_plan

SIZES: dict[str, Any] = {"vocab_size": 61, "context_length": 32, "n_layer": 2, "n_head": 4, "n_kv_head": 2}
SIZES |= {"d_model": 32, "d_ff": 48}


def build(**change: Any) -> Transformer:
    torch.manual_seed(4)
    model = Transformer(ModelConfig(**{**SIZES, **change}))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, mean=0.05, std=0.2)
    return model.train()


def conversations(count: int = 9) -> list[Tokens]:
    random = np.random.default_rng(0)
    lengths = random.integers(4, 20, count)
    return [tokens_of(random.integers(0, 61, n), [3 * i > n for i in range(n)]) for n in lengths]


def gradients(model: Transformer, loss: Tensor) -> dict[str, Tensor]:
    names = [name for name, _ in model.named_parameters()]
    return dict(zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True))


def loss_of(model: Transformer, batch: tuple[np.ndarray, ...]) -> Tensor:
    loss: Tensor = NextToken(model)(*(torch.from_numpy(array) for array in batch))
    return loss


def test_masked_targets_have_a_gradient_of_exactly_zero() -> None:
    torch.manual_seed(0)
    hidden, head = torch.randn(2, 5, 8, requires_grad=True), torch.randn(11, 8, requires_grad=True)
    targets = torch.tensor([[3, IGNORE, 4, IGNORE, 1], [IGNORE] * 5])
    loss = next_token_loss(hidden, head, targets, masked=True)
    loss.backward()
    assert hidden.grad is not None
    masked = targets == IGNORE
    assert (hidden.grad[masked] == 0).all() and (hidden.grad[~masked] != 0).any(-1).all()
    logits = (hidden.detach().double() @ head.detach().double().T).flatten(0, 1)
    expected = functional.cross_entropy(logits, targets.flatten(), ignore_index=IGNORE)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_rows_with_nothing_to_learn_have_no_loss_and_no_gradient() -> None:
    hidden, head = torch.randn(1, 3, 8, requires_grad=True), torch.randn(11, 8, requires_grad=True)
    loss = next_token_loss(hidden, head, torch.full((1, 3), IGNORE), masked=True)
    loss.backward()
    assert float(loss) == 0.0 and hidden.grad is not None and not hidden.grad.any()


def test_packed_equals_unpacked_and_padded_equals_unpadded() -> None:
    model, texts = build(), conversations()
    batches = [
        ConversationBatches(texts, 32, count, 1, packing=packing).batch(0)
        for packing, count in ((True, len(ConversationBatches(texts, 32, 1, 1).packed)), (False, len(texts)))
    ]
    batches.append(stack([[text] for text in texts], 32))  # the same, padded to the end of the context
    found = [(loss_of(model, batch), batch) for batch in batches]
    first = gradients(model, found[0][0])
    for loss, _ in found[1:]:
        assert float(loss) == pytest.approx(float(found[0][0]), abs=1e-6)
        for name, gradient in gradients(model, loss).items():
            torch.testing.assert_close(gradient, first[name], atol=1e-6, rtol=1e-5, msg=name)


def test_what_stands_in_padding_changes_nothing() -> None:
    model = build()
    inputs, targets, segments = stack([[text] for text in conversations()], 32)
    other = inputs.copy()
    padding = np.array([[place >= text.length for place in range(32)] for text in conversations()])
    other[padding] = 60
    assert float(loss_of(model, (inputs, targets, segments))) == float(loss_of(model, (other, targets, segments)))


def trainer(model: Transformer, micro_rows: int) -> Trainer:
    settings = Config(batch_rows=6, micro_rows=micro_rows, steps=3, context_length=32, learning_rate=1e-3)
    batches = ConversationBatches(conversations(30), 32, 6, 1)
    plan = make_tuning_plan(settings.model_dump(), set(), model.config, batches.epoch_rows, has_text=False)
    idle: Any = dict.fromkeys(("evaluate", "sample", "save"), lambda: iter([Tick()]))
    optimizer = build_adamw(model, plan.training)
    return Trainer(model, optimizer, plan.training, batches, Precision("cpu", "float32"), Control(), 1, **idle)


@pytest.mark.parametrize("micro_rows", [1, 4])
def test_micro_batches_of_unequal_targets_make_the_step_of_the_whole_batch(micro_rows: int) -> None:
    """Averaging each micro-batch by itself would make memory settings change the result."""
    whole, split = trainer(build(), 6), trainer(build(), micro_rows)
    losses = [[e.loss for e in work.run() if isinstance(e, StepMetrics)] for work in (whole, split)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for (name, a), b in zip(whole.model.named_parameters(), split.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("kind", ["Llama", "GPT2", "Gemma2"])
def test_the_loss_equals_that_of_transformers_on_the_same_ids_and_mask(kind: str, tmp_path: Any) -> None:
    transformers = pytest.importorskip("transformers")
    from engine.formats.huggingface import read_model
    from engine.model.weights import load_weights

    fields: dict[str, Any] = {"vocab_size": 61, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if kind == "GPT2":
        fields |= {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    else:
        fields |= {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
        fields |= {"num_key_value_heads": 2, "max_position_embeddings": 64}
        fields |= {"head_dim": 8} if kind == "Gemma2" else {}
    torch.manual_seed(5)
    theirs = transformers.AutoModelForCausalLM.from_config(
        getattr(transformers, f"{kind}Config")(**fields), attn_implementation="eager"
    )
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, mean=0.03, std=0.2)
    theirs.eval().save_pretrained(tmp_path)
    found = read_model(tmp_path)
    ours = Transformer.empty(found.config)
    load_weights(ours, dict(found.tensors()))
    texts = conversations(3)
    for text in texts:
        labels = torch.from_numpy(np.where(text.mask, text.ids, IGNORE))[None]
        expected = theirs(input_ids=torch.from_numpy(text.ids)[None], labels=labels).loss
        assert float(loss_of(ours, stack([[text]], text.length))) == pytest.approx(float(expected), abs=1e-5)
    counted = torch.tensor([text.counted for text in texts], dtype=torch.float64)
    alone = torch.tensor([float(loss_of(ours, stack([[text]], text.length))) for text in texts], dtype=torch.float64)
    together = float(loss_of(ours, stack([texts], sum(text.length for text in texts))))
    assert together == pytest.approx(float((alone * counted).sum() / counted.sum()), abs=1e-5)
