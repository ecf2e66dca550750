"""GGUF read back: the same configuration, weights and ids; and block formats against the library's own reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CutawayError
from engine.formats.gguf_layout import SHAPES
from engine.formats.gguf_metadata import config_of
from engine.formats.gguf_read import read_gguf
from engine.formats.gguf_tokenizer import tokenizer_json
from engine.formats.gguf_vocabulary import vocabulary
from engine.formats.gguf_write import write_gguf
from engine.model.config import ModelConfig, RopeScaling
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.kinds.imported import ImportedTokenizer
from engine.tokenizer.tokenizer import Tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 260,
    "context_length": 64,
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
    "head_width": 32,
    "window": 16,
    "windowed_layers": (True, False),
}
LOCAL: dict[str, Any] = {"rope_theta": 1e6, "rope_local_theta": 1e4}
FAMILIES: list[dict[str, Any]] = [
    {"family": "llama", **PLAIN, "rope_scaling": RopeScaling(kind="llama3", factor=8.0, original_context=32)},
    {"family": "llama", **PLAIN, "head_width": 32, "tie_embeddings": False, "qkv_bias": True, "out_bias": True},
    {"family": "qwen2", **PLAIN, "qkv_bias": True},
    {"family": "qwen3", "activation": "swiglu", "rope_scaling": RopeScaling(kind="linear", factor=4.0)},
    {"family": "gpt2", **GPT2, "bias": True, "n_kv_head": 4},
    {
        "family": "olmo2",
        "activation": "swiglu",
        "norm_place": "post",
        "qk_norm_over": "width",
        "tie_embeddings": False,
    },
    {"family": "gemma2", **GEMMA, "qk_norm": False, "attention_softcap": 50.0, "logit_softcap": 30.0},
    {"family": "gemma3", **GEMMA, **LOCAL, "rope_scaling": RopeScaling(kind="linear", factor=8.0)},
]


def toy(**change: Any) -> Transformer:
    torch.manual_seed(2)
    model = Transformer(ModelConfig(**{**SIZES, **change}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) / 4)
    return model.eval()


def written(path: Path, model: Transformer, tokenizer: Tokenizer, form: Any = "f32", **more: Any) -> Path:
    for _ in write_gguf(path, model.config, weights(model), tokenizer, form, name="Toy", **more):
        pass
    return path


@pytest.mark.parametrize("change", FAMILIES, ids=lambda change: change["family"])
def test_every_family_comes_back_as_it_was(change: dict[str, Any], tmp_path: Path) -> None:
    model = toy(**change)
    found = read_gguf(written(tmp_path / "toy.gguf", model, ByteTokenizer(), licence="CC0-1.0", chat_template="{{x}}"))
    assert found.config == model.config
    assert (found.name, found.licence, found.chat_template) == ("Toy", "CC0-1.0", "{{x}}")
    tensors, expected = dict(found.tensors()), weights(model)
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        # Gemma's norms are stored plus 1
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=2e-7 if model.config.norm_offset else 0)


@pytest.mark.parametrize(
    ("form", "kept", "error"),
    [("f16", "float16", 5e-4), ("bf16", "bfloat16", 4e-3), ("q8_0", "float32", 4e-3)],
)
def test_smaller_forms_come_back_nearly(form: str, kept: str, error: float, tmp_path: Path) -> None:
    model = toy(family="qwen3", activation="swiglu")
    found = read_gguf(written(tmp_path / "toy.gguf", model, ByteTokenizer(), form))
    for name, tensor in found.tensors():
        expected = weights(model)[name]
        assert tensor.dtype == (getattr(torch, kept) if tensor.ndim == 2 else torch.float32)
        assert (tensor.float() - expected).abs().max() <= error * expected.abs().max()
        assert not tensor.float().equal(expected) or tensor.ndim == 1


@pytest.mark.parametrize("kind", [GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0])
def test_blocks_are_read_as_the_library_reads_them(kind: GGMLQuantizationType, tmp_path: Path) -> None:
    """The file is the library's own; only the matrices that a model needs are exchanged."""
    model = toy(family="qwen3", activation="swiglu")
    written(tmp_path / "toy.gguf", model, ByteTokenizer())
    generator = np.random.default_rng(0)
    blocks = {}

    def exchange(writer: GGUFWriter, name: str, data: np.ndarray) -> None:
        if data.ndim == 2 and name != "token_embd.weight":
            values = generator.standard_normal(data.shape, dtype=np.float32)
            blocks[name] = quantize(values, kind)
            writer.add_tensor(name, blocks[name], raw_dtype=kind)
        else:
            writer.add_tensor(name, data)

    rewritten(tmp_path / "toy.gguf", tmp_path / "blocks.gguf", exchange)
    tensors = dict(read_gguf(tmp_path / "blocks.gguf").tensors())
    expected = dequantize(blocks["blk.1.attn_output.weight"], kind)
    np.testing.assert_array_equal(tensors["blocks.1.attention.out.weight"].numpy(), expected)
    joined = np.concatenate([dequantize(blocks[f"blk.0.ffn_{part}.weight"], kind) for part in ("gate", "up")])
    np.testing.assert_array_equal(tensors["blocks.0.mlp.up.weight"].numpy(), joined)


def rewritten(source: Path, target: Path, exchange: Any, **changed: Any) -> Path:
    """The same file once more by the library, tensors through `exchange`, settings as they are or `changed`."""
    from gguf import GGUFReader, GGUFValueType

    reader = GGUFReader(source)
    field = reader.fields["general.architecture"]
    writer = GGUFWriter(target, field.contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or changed.get(name, 0) is None:
            continue
        value = changed.get(name, field.contents())
        if field.types[0] == GGUFValueType.ARRAY:
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, field.types[0])
    for tensor in reader.tensors:
        exchange(writer, tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def keep(writer: GGUFWriter, name: str, data: np.ndarray) -> None:
    writer.add_tensor(name, data)


TEXTS = ["Hello world", " two  spaces, don't\n\n\tstop 12345", "naïve café – 你好 🌍", "x<0x41>y", "", " "]
MERGES = [(b"h", b"e"), (b"l", b"l"), (b"he", b"ll"), (b" ", b"w"), (b"o", b"r"), (b" ", b" "), (b"1", b"2")]
KINDS: dict[str, Tokenizer] = {
    "byte": ByteTokenizer(),
    "character": CharacterTokenizer("".join(sorted(set("Hello world, don't stop!\n12é")))),
    "bpe": BpeTokenizer(MERGES),
    "bpe without merges": BpeTokenizer([]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_read_back_gives_the_same_ids(kind: str, tmp_path: Path) -> None:
    model = toy(family="llama", **PLAIN, vocab_size=KINDS[kind].vocab_size)
    found = read_gguf(written(tmp_path / "toy.gguf", model, KINDS[kind]))
    library = tokenizers.Tokenizer.from_str(json.dumps(found.tokenizer))
    for text in TEXTS:
        ids = library.encode(text).ids
        assert ids == KINDS[kind].encode(text), text
        assert library.decode(ids) == text
    assert library.token_to_id("<|end|>") == KINDS[kind].end_id


def test_special_tokens_beyond_the_model_are_left_out_and_others_refused() -> None:
    data = BpeTokenizer(MERGES).to_json()
    beyond = {**data["added_tokens"][0], "id": 270, "content": "<picture>"}
    data["added_tokens"].append(beyond)
    found = vocabulary(ImportedTokenizer(data, [263], 265), 265)
    tokens = found["tokenizer.ggml.tokens"]
    assert len(tokens) == len(found["tokenizer.ggml.token_type"]) == 265
    assert tokens[263:] == ["<|end|>", "[PAD264]"] and found["tokenizer.ggml.eos_token_id"] == 263
    with pytest.raises(CutawayError, match="cannot be written as GGUF") as error:
        vocabulary(BpeTokenizer(MERGES), 260)
    assert "264 tokens" in error.value.why


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"general.architecture": "mamba"}, "It is a mamba model"),
        ({"qwen3.block_count": 3}, "blk.2.attn_norm.weight is missing"),
        ({"qwen3.block_count": 10**6}, "n_layer is impossible"),
        ({"qwen3.embedding_length": 2**31}, "is impossible"),
        ({"qwen3.feed_forward_length": 95}, "has the shape"),
        ({"qwen3.attention.head_count": 0}, "impossible"),
        ({"qwen3.attention.key_length": 8}, "different widths"),
        ({"qwen3.context_length": None}, "is missing"),
        ({"qwen3.attention.layer_norm_rms_epsilon": float("nan")}, "should be a number"),
        ({"qwen3.rope.freq_base": 0.0}, "rope_theta is impossible"),
        ({"tokenizer.ggml.model": "bert"}, "of the kind bert"),
        ({"tokenizer.ggml.token_type": [1]}, "what each of its tokens is"),
        ({"tokenizer.ggml.tokens": ["a"] * 257}, "one twice"),
        ({"tokenizer.ggml.tokens": [str(n) for n in range(300)]}, "what each of its tokens is"),
    ],
    ids=str,
)
def test_what_contradicts_itself_is_refused_in_a_sentence(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    model = toy(family="qwen3", activation="swiglu")
    path = written(tmp_path / "toy.gguf", model, ByteTokenizer())
    architecture = changed.pop("general.architecture", None) if "general.architecture" in changed else None
    path = rewritten(path, tmp_path / "changed.gguf", keep, **changed)
    if architecture:
        path.write_bytes(path.read_bytes().replace(b"qwen3", architecture.encode()))
    with pytest.raises(CutawayError) as error:
        read_gguf(path)
    assert words in error.value.why


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    model = toy(family="qwen3", activation="swiglu")
    path = written(tmp_path / "toy.gguf", model, ByteTokenizer())

    def spoil(writer: GGUFWriter, name: str, data: np.ndarray) -> None:
        writer.add_tensor(name, data * np.float32("nan") if name == "blk.1.ffn_norm.weight" else data)

    with pytest.raises(CutawayError, match="cannot be opened") as error:
        dict(read_gguf(rewritten(path, tmp_path / "nan.gguf", spoil)).tensors())
    assert "blk.1.ffn_norm.weight" in error.value.why


def test_weights_that_are_not_numbers_are_not_written(tmp_path: Path) -> None:
    model = toy(family="qwen3", activation="swiglu")
    with torch.no_grad():
        model.embedding.weight[3, 3] = torch.inf
    with pytest.raises(CutawayError) as error:
        written(tmp_path / "toy.gguf", model, ByteTokenizer())
    assert "NaN or infinity" in error.value.why and list(tmp_path.iterdir()) == []


def test_a_number_too_large_for_half_precision_is_not_written(tmp_path: Path) -> None:
    model = toy(family="qwen3", activation="swiglu")
    with torch.no_grad():
        model.blocks[0].mlp.down.weight[0, 0] = 70_000.0
    with pytest.raises(CutawayError) as error:
        written(tmp_path / "toy.gguf", model, ByteTokenizer(), "f16")
    assert "bf16" in error.value.remedy
    written(tmp_path / "toy.gguf", model, ByteTokenizer(), "bf16")


ANY = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.booleans(),
    st.text(max_size=8),
    st.lists(st.integers(0, 8), max_size=5),
    st.lists(st.booleans(), max_size=5),
    st.lists(st.text(max_size=3), max_size=5),
)
GOOD: dict[str, Any] = {
    "context_length": 64,
    "embedding_length": 64,
    "block_count": 2,
    "feed_forward_length": 96,
    "attention.head_count": 4,
    "attention.layer_norm_rms_epsilon": 1e-6,
    "attention.layer_norm_epsilon": 1e-6,
    "attention.sliding_window": 16,
    "attention.sliding_window_pattern": 2,
    "rope.scaling.type": "linear",
    "rope.scaling.factor": 2.0,
}
WORDS: dict[str, Any] = {
    "model": "llama",
    "pre": "gpt-2",
    "tokens": ["a", "b", "ab", "<s>"],
    "token_type": [1, 1, 1, 3],
    "scores": [0.0, 0.0, -1.0, 0.0],
    "merges": ["a b"],
    "bos_token_id": 3,
    "unknown_token_id": 0,
}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.dictionaries(st.sampled_from(sorted(GOOD)), ANY, max_size=3))
def test_any_settings_of_a_model_are_understood_or_refused(name: str, changed: dict[str, Any]) -> None:
    metadata = {"general.architecture": name, **{f"{name}.{key}": value for key, value in {**GOOD, **changed}.items()}}
    try:
        _, config = config_of(metadata, {"token_embd.weight": (260, 64)})
    except CutawayError as error:
        assert error.why.endswith(".")
    else:
        assert config.vocab_size == 260 and config.n_layer <= 200


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["llama", "gpt2"]), st.dictionaries(st.sampled_from(sorted(WORDS)), ANY, max_size=2))
def test_any_settings_of_a_tokenizer_are_understood_or_refused(model: str, changed: dict[str, Any]) -> None:
    metadata = {f"tokenizer.ggml.{key}": value for key, value in {**WORDS, "model": model, **changed}.items()}
    try:
        found = tokenizer_json(metadata)
    except CutawayError as error:
        assert error.why.endswith(".")
    else:
        tokenizers.Tokenizer.from_str(json.dumps(found))
