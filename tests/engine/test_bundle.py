"""A bundle read back: the same model; and what was changed in it is found out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from engine.errors import CutawayError
from engine.formats.bundle import read_bundle, write_bundle, write_sums
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.tokenizer.kinds.byte import ByteTokenizer

CONFIG = ModelConfig(vocab_size=257, context_length=16, n_layer=1, n_head=2, n_kv_head=1, d_model=16, d_ff=24)
LINEAGE = {"run": "toy", "artifacts": [], "training": {}, "stages": [], "unknown": ["The text: nobody said."]}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    write_bundle(tmp_path, "toy", CONFIG, weights(Transformer(CONFIG)), ByteTokenizer(), LINEAGE)
    return tmp_path


def test_what_was_bundled_comes_back(bundle: Path) -> None:
    torch.manual_seed(0)
    expected = weights(Transformer(CONFIG))
    found = read_bundle(bundle)
    assert (found.name, found.config, found.tokenizer.kind) == ("toy", CONFIG, "byte")
    tensors = dict(found.tensors())
    assert list(tensors) == list(expected) and all(tensors[name].equal(expected[name]) for name in tensors)
    assert found.lineage["unknown"] == LINEAGE["unknown"]


def test_nothing_is_claimed_of_what_is_unknown(bundle: Path) -> None:
    card = (bundle / "README.md").read_text()
    assert "not all is known" in card and "nobody has said under which licence" in card
    assert "- The text: nobody said." in card and "license:" not in card


@pytest.mark.parametrize("name", ["model/model.safetensors", "lineage.json", "code/engine/cli.py", "README.md"])
def test_a_changed_file_is_found_out(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[-3] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(CutawayError, match="no bundle") as error:
        read_bundle(bundle)
    assert name in error.value.why


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_layer": 2}, "do not fit"),
        ({"n_layer": 10**9}, "makes no model"),
        ({"vocab_size": 200}, "more tokens"),
        ({"model_type": "llama"}, "another program"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(bundle: Path, change: dict[str, object], words: str) -> None:
    path = bundle / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (bundle / "SHA256SUMS").unlink()
    write_sums(bundle)
    with pytest.raises(CutawayError) as error:
        read_bundle(bundle)
    assert words in error.value.why


def test_a_list_of_sums_cannot_reach_outside(bundle: Path) -> None:
    with (bundle / "SHA256SUMS").open("a") as stream:
        stream.write(f"{'0' * 64}  ../../secret\n")
    with pytest.raises(CutawayError):
        read_bundle(bundle)
