"""Every family against transformers: the same logits, the same tokens, and back again unchanged."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.formats.huggingface import read_model, write_model
from engine.model.families import FAMILIES, read_config, write_config
from engine.model.kv_cache import KVCache
from engine.model.transformer import Transformer
from engine.model.weights import load_weights, weights

transformers = pytest.importorskip("transformers")

LLAMA = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 96,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
GPT2 = {"vocab_size": 97, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 96, "eos_token_id": None}
GPT2 |= {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "bos_token_id": None}
STRETCHED = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
BY_KIND = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 10_000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("GPT2", GPT2),
    ("GPT2", {**GPT2, "n_inner": 48, "tie_word_embeddings": False, "layer_norm_epsilon": 1e-3}),
    ("Llama", LLAMA),
    ("Llama", {**LLAMA, "rope_parameters": STRETCHED, "tie_word_embeddings": True, "num_key_value_heads": 4}),
    ("Llama", {**LLAMA, "attention_bias": True, "mlp_bias": True, "head_dim": 12, "num_key_value_heads": 1}),
    ("Mistral", {**LLAMA, "sliding_window": 7}),
    ("Mistral", {**LLAMA, "sliding_window": None, "head_dim": 16, "tie_word_embeddings": True}),
    ("Qwen2", LLAMA),
    ("Qwen2", {**LLAMA, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    ("Qwen3", {**LLAMA, "head_dim": 10, "tie_word_embeddings": True}),
    ("Qwen3", {**LLAMA, "head_dim": 8, "attention_bias": True, "rms_norm_eps": 1e-4}),
    ("Gemma2", {**LLAMA, "head_dim": 8, "sliding_window": 6, "query_pre_attn_scalar": 24}),
    ("Gemma2", {**LLAMA, "head_dim": 16, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 2.0}),
    ("Gemma3Text", {**LLAMA, "num_hidden_layers": 7, "head_dim": 8, "sliding_window": 6, "rope_parameters": BY_KIND}),
    ("Gemma3Text", {**LLAMA, "head_dim": 16, "query_pre_attn_scalar": 8, "tie_word_embeddings": False}),
    ("Olmo2", LLAMA),
    ("Olmo2", {**LLAMA, "attention_bias": True, "tie_word_embeddings": True, "rope_parameters": STRETCHED}),
]
NAMES = [f"{kind}-{number}" for number, (kind, _) in enumerate(CASES)]


def their_model(kind: str, fields: dict[str, Any]) -> Any:
    torch.manual_seed(5)
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    for name, weight in model.named_parameters():  # away from the initial values, where mistakes hide
        torch.nn.init.normal_(weight, mean=0.6 if "norm" in name or "ln_" in name else 0.02, std=0.15)
    return model.float().eval()


def opened(folder: Path) -> Transformer:
    found = read_model(folder)
    model = Transformer.empty(found.config)
    load_weights(model, dict(found.tensors()))
    return model.eval()


@pytest.fixture(scope="module", params=CASES, ids=NAMES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Transformer, Path]:
    kind, fields = request.param
    theirs, folder = their_model(kind, fields), tmp_path_factory.mktemp(kind)
    theirs.save_pretrained(folder)
    return theirs, opened(folder), folder


def ids_of(model: Transformer, *shape: int) -> torch.Tensor:
    return torch.randint(0, model.config.vocab_size, shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_logits_equal_those_of_transformers(pair: tuple[Any, Transformer, Path]) -> None:
    theirs, ours, _ = pair
    ids = ids_of(ours, 3, 40)
    expected = theirs(ids).logits
    assert expected.std() > 0.05
    torch.testing.assert_close(ours(ids), expected, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_64_greedy_tokens_equal_those_of_transformers(pair: tuple[Any, Transformer, Path]) -> None:
    theirs, ours, _ = pair
    ids = ids_of(ours, 1, 9)
    expected = theirs.generate(ids, do_sample=False, max_new_tokens=64, pad_token_id=0)
    cache = KVCache(ours.config, 1, torch.float32, "cpu")
    logits = ours(ids, cache)
    for _ in range(64):
        ids = torch.cat((ids, logits[:, -1:].argmax(-1)), dim=1)
        logits = ours(ids[:, -1:], cache)
    assert ids.tolist() == expected.tolist()


@torch.no_grad()
def test_decoding_with_a_cache_equals_the_full_forward(pair: tuple[Any, Transformer, Path]) -> None:
    _, ours, _ = pair
    ids = ids_of(ours, 2, 30)
    cache = KVCache(ours.config, 2, torch.float32, "cpu")
    places = [0, 4, 17, *range(18, 31)]
    parts = [ours(ids[:, start:end], cache) for start, end in pairwise(places)]
    torch.testing.assert_close(torch.cat(parts, dim=1), ours(ids), atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_rows_of_unequal_length_equal_each_row_alone(pair: tuple[Any, Transformer, Path]) -> None:
    theirs, ours, _ = pair
    lengths = torch.tensor([5, 24, 13])
    rows = [ids_of(ours, 1, int(length)) for length in lengths]
    padded = torch.stack([torch.nn.functional.pad(row[0], (24 - row.shape[1], 0), value=3) for row in rows])
    more = ids_of(ours, 3, 6)
    cache = KVCache(ours.config, 3, torch.float32, "cpu", capacity=40)
    first = ours(padded, cache, lengths=lengths)
    then = [ours(more[:, place : place + 1], cache) for place in range(4)]
    then.append(ours(more[:, 4:], cache))
    for index, row in enumerate(rows):
        alone = torch.cat((row, more[index : index + 1]), dim=1)
        together = torch.cat((first[index, 24 - row.shape[1] :], *(part[index] for part in then)))
        torch.testing.assert_close(together, ours(alone)[0], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(together, theirs(alone).logits[0], atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_written_and_read_again_nothing_changed(pair: tuple[Any, Transformer, Path], tmp_path: Path) -> None:
    theirs, ours, _ = pair
    write_model(tmp_path / "back", ours.config, weights(ours))
    again = opened(tmp_path / "back")
    assert again.config == ours.config
    for name, tensor in weights(ours).items():
        assert torch.equal(tensor, weights(again)[name]), name
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back", attn_implementation="eager").eval()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    ids = ids_of(ours, 2, 40)
    torch.testing.assert_close(loaded(ids).logits, theirs(ids).logits, atol=1e-6, rtol=0)


def test_every_family_is_tested() -> None:
    tested = {read_config(getattr(transformers, f"{kind}Config")(**fields).to_dict()).family for kind, fields in CASES}
    assert tested == set(FAMILIES.names())


@pytest.mark.parametrize(("kind", "fields"), CASES, ids=NAMES)
def test_the_configuration_survives_the_way_back(kind: str, fields: dict[str, Any]) -> None:
    config = read_config(getattr(transformers, f"{kind}Config")(**fields).to_dict())
    assert read_config(write_config(config)) == config
