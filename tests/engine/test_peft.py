"""Adapters as files, read by the peft library onto a base that transformers read: the same logits as ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.formats.equivalent import equivalent
from engine.formats.huggingface import write_model
from engine.formats.peft import write_adapter
from engine.model import lora
from engine.model.config import ModelConfig
from engine.model.growing import with_tokens
from engine.model.lora_config import LoraConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

TOY = {"vocab_size": 61, "context_length": 32, "n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_model": 32, "d_ff": 48}
GPT2 = {"n_kv_head": 4, "norm": "layernorm", "positions": "learned", "activation": "gelu", "qk_norm": False}
SHAPES: dict[str, dict[str, object]] = {
    "ours, as a Qwen 3": {},
    "a Llama": {"family": "llama", "activation": "swiglu", "qk_norm": False, "tie_embeddings": False},
    "ours, as a GPT-2": GPT2,
    "a GPT-2": {**GPT2, "bias": True, "family": "gpt2"},
}
ADAPTERS = [
    LoraConfig(rank=3, alpha=6),
    LoraConfig(rank=2, alpha=5, parts=("query", "value"), layers=(1, 2)),
    LoraConfig(rank=2, parts=("key", "up", "down")),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("more", [0, 4])
@pytest.mark.parametrize("adapter", ADAPTERS, ids=["all", "one layer", "some parts"])
@pytest.mark.parametrize("name", SHAPES)
def test_peft_computes_what_we_compute(name: str, adapter: LoraConfig, more: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = Transformer(ModelConfig(**{**TOY, **SHAPES[name]}))  # type: ignore[arg-type]
    for weight in base.parameters():
        torch.nn.init.normal_(weight, mean=0.02, std=0.15)
    same = equivalent(base.config, weights(base))
    write_model(tmp_path / "base", same.config, same.tensors)
    model = with_tokens(base, 61 + more, 0).eval()
    lora.attach(model, adapter, 0, more)
    for tensor in lora.lora_weights(model).values():
        tensor.add_(torch.randn(tensor.shape) * 0.2)
    notes = write_adapter(tmp_path / "adapter", model.config, lora.lora_weights(model), adapter, "base")
    assert ("resize_token_embeddings(65)" in " ".join(notes)) == bool(more)

    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    if more:
        theirs.resize_token_embeddings(61 + more, mean_resizing=False)
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()
    ids = torch.cat((torch.randint(0, 61, (2, 12)), torch.randint(61 + more - 4, 61 + more, (2, 4))), dim=1)
    with torch.inference_mode():
        told = theirs(ids).logits
        torch.testing.assert_close(told, model(ids), atol=1e-4, rtol=1e-4)
        with theirs.disable_adapter():
            lora.set_enabled(model, False)
            assert not torch.allclose(theirs(ids).logits, told, atol=1e-3)
            torch.testing.assert_close(theirs(ids[:, :12]).logits[..., :61], model(ids[:, :12])[..., :61])


def test_our_adapter_takes_the_gradient_that_peft_takes(tmp_path: Path) -> None:
    """The same A and B in a Llama of transformers: the same gradient of each."""
    torch.manual_seed(0)
    shape = {**TOY, **SHAPES["a Llama"]}
    model = Transformer(ModelConfig(**shape))  # type: ignore[arg-type]
    write_model(tmp_path / "base", model.config, weights(model))
    config = LoraConfig(rank=3, alpha=6)
    lora.attach(model.train(), config, 0)
    for tensor in lora.lora_weights(model).values():
        tensor.add_(torch.randn(tensor.shape) * 0.2)
    write_adapter(tmp_path / "adapter", model.config, lora.lora_weights(model), config)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter", is_trainable=True)
    ids, upward = torch.randint(0, 61, (2, 12)), torch.randn(2, 12, 61)
    (model(ids) * upward).sum().backward()
    (theirs(ids).logits * upward).sum().backward()
    wanted = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    query = model.blocks[1].attention.qkv
    for letter, grad in (("A", query.lora_a.grad[:3]), ("B", query.lora_b.grad[:32])):
        theirs_grad = wanted[f"base_model.model.model.layers.1.self_attn.q_proj.lora_{letter}.default.weight"]
        torch.testing.assert_close(grad, theirs_grad, atol=1e-4, rtol=1e-4)
