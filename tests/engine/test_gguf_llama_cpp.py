"""llama.cpp as the judge of our GGUF files: the same ids for every text, and the same greedy tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.formats.equivalent import equivalent
from engine.formats.gguf_write import write_gguf
from engine.model.config import ModelConfig, RopeScaling
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.tokenizer import Tokenizer

llama_cpp = pytest.importorskip("llama_cpp", reason="the llama.cpp binding is not installed")
CONTEXT, TOKENS = 96, 64
PROMPT = [72, 101, 108, 108, 111, 32, 119, 111]
SHAPE: dict[str, Any] = {
    "vocab_size": 264,
    "context_length": CONTEXT,
    "n_layer": 2,
    "n_head": 4,
    "n_kv_head": 2,
    "d_model": 64,
    "d_ff": 96,
}
PLAIN: dict[str, Any] = {"activation": "swiglu", "qk_norm": False}
GPT2: dict[str, Any] = {"norm": "layernorm", "positions": "learned", "activation": "gelu", "qk_norm": False}
GEMMA: dict[str, Any] = {
    "activation": "geglu",
    "norm_place": "sandwich",
    "norm_offset": True,
    "embedding_scaled": True,
    "window": 16,
    "head_width": 32,
}
LLAMA3 = RopeScaling(kind="llama3", factor=8.0, original_context=64)
FAMILIES: dict[str, dict[str, Any]] = {
    "first words": {},
    "first words, untied": {"tie_embeddings": False},
    "own swiglu": {"activation": "swiglu", "qk_norm": False},
    "own biases": {"qk_norm": False, "bias": True},
    "own gpt2": {**GPT2, "n_kv_head": 4},
    "llama": {"family": "llama", **PLAIN, "rope_scaling": LLAMA3, "rope_theta": 500_000.0},
    "llama, wide heads": {"family": "llama", **PLAIN, "head_width": 32, "tie_embeddings": False},
    "llama, linear": {"family": "llama", **PLAIN, "rope_scaling": RopeScaling(kind="linear", factor=4.0)},
    "mistral": {"family": "mistral", **PLAIN, "window": 4096},
    "qwen2": {"family": "qwen2", **PLAIN, "qkv_bias": True},
    "qwen3": {"family": "qwen3", "activation": "swiglu", "head_width": 32},
    "gpt2": {"family": "gpt2", **GPT2, "bias": True, "n_kv_head": 4},
    "olmo2": {"family": "olmo2", "activation": "swiglu", "norm_place": "post", "qk_norm_over": "width"},
    "gemma2": {
        "family": "gemma2",
        **GEMMA,
        "qk_norm": False,
        "windowed_layers": (True, False),
        "attention_softcap": 5.0,
        "logit_softcap": 3.0,
        "query_scale": 0.25,
    },
    "gemma3": {
        "family": "gemma3",
        **GEMMA,
        "windowed_layers": (False, True),
        "rope_theta": 1_000_000.0,
        "rope_local_theta": 10_000.0,
        "rope_scaling": RopeScaling(kind="linear", factor=8.0),
        "query_scale": 0.3,
    },
}


def toy(**change: Any) -> Transformer:
    """Weights large enough that no two logits lie close together."""
    config = ModelConfig(**{**SHAPE, **change})
    torch.manual_seed(3)
    model = Transformer(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(3)
            else:
                weight.add_(torch.rand_like(weight) / 4)
    return model.eval()


def written(path: Path, model: Transformer, tokenizer: Tokenizer, form: Any = "f32") -> Path:
    same = equivalent(model.config, weights(model))
    for _ in write_gguf(path, same.config, same.tensors, tokenizer, form, name="toy"):
        pass
    return path


def opened(path: Path, **change: Any) -> Any:
    """Keys and values in float32, as ours are."""
    cache = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
    return llama_cpp.Llama(
        str(path), n_ctx=CONTEXT, n_threads=1, n_threads_batch=1, verbose=False, logits_all=True, **cache, **change
    )


@torch.inference_mode()
def ours(model: Transformer, ids: list[int], count: int) -> list[int]:
    ids = list(ids)
    for _ in range(count):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids


def theirs(model: Any, ids: list[int], count: int) -> list[int]:
    """With its cache, one token at a time."""
    ids = list(ids)
    model.reset()
    model.eval(ids)
    for _ in range(count):
        ids.append(int(model.scores[model.n_tokens - 1].argmax()))
        model.eval(ids[-1:])
    return ids


@pytest.mark.parametrize("name", FAMILIES)
def test_llama_cpp_writes_the_same_64_tokens(name: str, tmp_path: Path) -> None:
    model = toy(**FAMILIES[name])
    judge = opened(written(tmp_path / "toy.gguf", model, ByteTokenizer()))
    judge.eval(PROMPT)
    with torch.inference_mode():
        expected = model(torch.tensor([PROMPT]))[0]
    found = torch.from_numpy(judge.scores[: len(PROMPT)])
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
    assert theirs(judge, PROMPT, TOKENS) == ours(model, PROMPT, TOKENS)


@pytest.mark.parametrize(("form", "error"), [("f16", 2e-3), ("bf16", 2e-2), ("q8_0", 5e-2)])
def test_llama_cpp_opens_the_smaller_forms(form: str, error: float, tmp_path: Path) -> None:
    """d_ff 72 is no multiple of 32: such matrices stay in half precision."""
    model = toy(d_ff=72)
    judge = opened(written(tmp_path / "toy.gguf", model, ByteTokenizer(), form))
    judge.eval(PROMPT)
    with torch.inference_mode():
        expected = model(torch.tensor([PROMPT]))[0]
    found = torch.from_numpy(judge.scores[: len(PROMPT)])
    assert (found - expected).abs().max() < error * expected.abs().max()


TEXTS = [
    "Hello world",
    " two  spaces, don't\n\n\tstop 12345 it's",
    "naïve café – 你好 🌍",
    "x<0x41>y <|end|>",
    "",
    " ",
    "def f(x):\n    return x**2  # ok\r\n",
]


def tokenizers() -> dict[str, Tokenizer]:
    merges = [(b"h", b"e"), (b"l", b"l"), (b"he", b"ll"), (b" ", b"w"), (b"o", b"r"), (b" ", b" "), (b"1", b"2")]
    return {
        "byte": ByteTokenizer(),
        "character": CharacterTokenizer("".join(sorted(set("Hello world, don't stop!\n12é")))),
        "bpe": BpeTokenizer(merges),
        "bpe without merges": BpeTokenizer([]),
    }


@pytest.mark.parametrize("kind", tokenizers())
def test_llama_cpp_gives_texts_the_same_ids(kind: str, tmp_path: Path) -> None:
    tokenizer = tokenizers()[kind]
    path = written(tmp_path / "toy.gguf", toy(vocab_size=tokenizer.vocab_size + 3), tokenizer)
    judge = opened(path, vocab_only=True)
    for text in TEXTS:
        ids = judge.tokenize(text.encode(), add_bos=True, special=False)
        assert ids == tokenizer.encode(text), text
        assert judge.detokenize(ids).decode() == text
    assert judge.token_eos() == tokenizer.end_id
