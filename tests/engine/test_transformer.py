"""The model against what it must equal: itself with a cache, torch's own count, transformers' GPT-2 and Llama."""

from __future__ import annotations

import math

import pytest
import torch

from engine.model.config import ModelConfig
from engine.model.hooks import Hooks
from engine.model.kv_cache import KVCache
from engine.model.transformer import Transformer

SMALL = {"vocab_size": 61, "context_length": 24, "n_layer": 2, "n_head": 4, "d_model": 32}
SHAPES = [
    {"n_kv_head": 4, "d_ff": 64},
    {"n_kv_head": 2, "d_ff": 48, "activation": "swiglu", "qk_norm": False, "tie_embeddings": False},
    {"n_kv_head": 1, "d_ff": 64, "activation": "gelu", "norm": "layernorm", "positions": "learned", "bias": True},
]


def build(shape: dict[str, object], **more: object) -> Transformer:
    torch.manual_seed(3)
    model = Transformer(ModelConfig(**{**SMALL, **shape, **more}))
    for weight in model.parameters():  # away from the initial values, where mistakes hide
        torch.nn.init.normal_(weight, mean=0.05, std=0.2)
    return model.eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_counted_as_torch_counts(shape: dict[str, object]) -> None:
    model = build(shape)
    assert model.config.parameters() == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("shape", SHAPES)
def test_decoding_with_a_cache_equals_the_full_forward(shape: dict[str, object]) -> None:
    model = build(shape)
    ids = torch.randint(0, 61, (2, 17))
    full = model(ids)
    cache = KVCache(model.config, 2, torch.float32, "cpu")
    parts = [model(ids[:, :5], cache), model(ids[:, 5:9], cache)]
    parts += [model(ids[:, place : place + 1], cache) for place in range(9, 17)]
    torch.testing.assert_close(torch.cat(parts, dim=1), full, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_past_never_sees_the_future(shape: dict[str, object]) -> None:
    model = build(shape)
    ids = torch.randint(0, 61, (1, 12))
    changed = ids.clone()
    changed[0, 8:] = (changed[0, 8:] + 1) % 61
    torch.testing.assert_close(model(ids)[0, :8], model(changed)[0, :8])


@pytest.mark.parametrize("shape", SHAPES)
def test_watching_attention_changes_nothing_and_rows_sum_to_one(shape: dict[str, object]) -> None:
    model = build(shape)
    ids = torch.randint(0, 61, (2, 11))
    seen: list[torch.Tensor] = []
    hooks = Hooks({f"block.{i}.attention.pattern": lambda t: seen.append(t) for i in range(2)})
    torch.testing.assert_close(model(ids, hooks=hooks), model(ids), atol=1e-5, rtol=1e-5)
    assert [tuple(t.shape) for t in seen] == [(2, 4, 11, 11)] * 2
    torch.testing.assert_close(seen[0].sum(-1), torch.ones(2, 4, 11))


def test_a_hook_can_replace_a_value() -> None:
    model = build(SHAPES[0])
    ids = torch.randint(0, 61, (1, 6))
    silent = Hooks({f"block.{i}.out": lambda t: t * 0 for i in range(2)})
    assert model(ids, hooks=silent).std() != model(ids).std()


def test_the_products_of_cpu_training_equal_the_fused_kernel() -> None:
    model = build(SHAPES[1]).train()
    ids = torch.randint(0, 61, (3, 20))
    attention = model.blocks[0].attention
    with torch.autocast("cpu", torch.bfloat16):
        products = model(ids)
        attention.__class__._prefers_products, kept = (lambda self, q: False), attention.__class__._prefers_products
        try:
            fused = model(ids)
        finally:
            attention.__class__._prefers_products = kept
    torch.testing.assert_close(products, fused, atol=0.15, rtol=0.05)


def test_gpt2_of_transformers_gives_the_same_logits() -> None:
    transformers = pytest.importorskip("transformers")
    model = build(SHAPES[2], n_kv_head=4, qk_norm=False)
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=61, n_positions=24, n_embd=32, n_layer=2, n_head=4, n_inner=64, attn_pdrop=0, resid_pdrop=0
        )
    ).eval()
    names = {
        "transformer.wte.weight": "embedding.weight",
        "transformer.wpe.weight": "positions.weight",
        "transformer.ln_f.weight": "final_norm.weight",
        "transformer.ln_f.bias": "final_norm.bias",
    }
    for layer in range(2):
        pairs = {
            "ln_1": "attention_norm",
            "attn.c_attn": "attention.qkv",
            "attn.c_proj": "attention.out",
            "ln_2": "mlp_norm",
            "mlp.c_fc": "mlp.up",
            "mlp.c_proj": "mlp.down",
        }
        for their_name, our_name in pairs.items():
            for part in ("weight", "bias"):
                names[f"transformer.h.{layer}.{their_name}.{part}"] = f"blocks.{layer}.{our_name}.{part}"
    ours = model.state_dict()
    state = theirs.state_dict()
    for their_name, our_name in names.items():
        turned = ours[our_name].T if "c_" in their_name and their_name.endswith("weight") else ours[our_name]
        state[their_name].copy_(turned)
    ids = torch.randint(0, 61, (2, 20))
    torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-4, rtol=1e-4)


def test_llama_of_transformers_gives_the_same_logits() -> None:
    transformers = pytest.importorskip("transformers")
    model = build(SHAPES[1], norm_eps=1e-6)
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=61,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=24,
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
        )
    ).eval()
    ours = model.state_dict()
    mine: dict[str, torch.Tensor] = {
        "model.embed_tokens.weight": ours["embedding.weight"],
        "model.norm.weight": ours["final_norm.weight"],
        "lm_head.weight": ours["head.weight"],
    }
    for layer in range(2):
        block, prefix = f"blocks.{layer}", f"model.layers.{layer}"
        q, k, v = ours[f"{block}.attention.qkv.weight"].split([32, 16, 16])
        gate, up = ours[f"{block}.mlp.up.weight"].chunk(2)
        mine |= {
            f"{prefix}.self_attn.q_proj.weight": q,
            f"{prefix}.self_attn.k_proj.weight": k,
            f"{prefix}.self_attn.v_proj.weight": v,
            f"{prefix}.self_attn.o_proj.weight": ours[f"{block}.attention.out.weight"],
            f"{prefix}.mlp.gate_proj.weight": gate,
            f"{prefix}.mlp.up_proj.weight": up,
            f"{prefix}.mlp.down_proj.weight": ours[f"{block}.mlp.down.weight"],
            f"{prefix}.input_layernorm.weight": ours[f"{block}.attention_norm.weight"],
            f"{prefix}.post_attention_layernorm.weight": ours[f"{block}.mlp_norm.weight"],
        }
    theirs.load_state_dict(mine)
    ids = torch.randint(0, 61, (2, 20))
    torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-4, rtol=1e-4)


def test_the_first_loss_is_that_of_knowing_nothing() -> None:
    torch.manual_seed(0)
    model = Transformer(ModelConfig(**SMALL, **SHAPES[0]))
    ids = torch.randint(0, 61, (8, 24))
    loss = torch.nn.functional.cross_entropy(model(ids)[:, :-1].reshape(-1, 61), ids[:, 1:].reshape(-1))
    assert abs(loss.item() - math.log(61)) < 0.1


@pytest.mark.parametrize(
    "wrong", [{"d_model": 30, "n_kv_head": 4}, {"n_kv_head": 3}, {"n_head": 32, "n_kv_head": 32, "d_model": 32}]
)
def test_heads_that_do_not_fit_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="head"):
        ModelConfig(**{**SMALL, "d_ff": 64, **wrong})
