"""What `cutaway export --huggingface` writes, read by transformers: the same ids and the same greedy tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.control import Control
from engine.formats.tokenizer_json import write_tokenizer
from engine.generation.loaded import load_model
from engine.launch.export import ExportRequest, export
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.store.workspace import Workspace, open_workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.tokenizer import Tokenizer

transformers = pytest.importorskip("transformers")
pytest.importorskip("engine.formats.huggingface")
TEXTS = ["Hello world", " two  spaces, don't\n\n\tstop 12345", "naïve café – 你好 🌍", "x<0x41>y ▁", " "]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """In which a tiny first-words ran: squared ReLU, norms of queries and keys, a BPE tokenizer."""
    workspace = open_workspace(tmp_path_factory.mktemp("home") / "workspace")
    stages = {
        "world": {"people": 20, "documents": 60},
        "train_tokenizer": {"kind": "bpe", "vocab_size": 300},
        "tokenize": {},
        "pretrain": {
            "depth": 2,
            "d_model": 32,
            "n_head": 2,
            "context_length": 32,
            "batch_tokens": 128,
            "steps": 20,
            "sample_tokens": 3,
        },
    }
    recipe = recipe_from_json({"name": "words", "description": "", "stages": stages})
    for _ in RecipeRun.create(workspace, recipe).work(Control(), device="cpu", threads=1):
        pass
    return workspace


def test_transformers_opens_what_was_exported_and_writes_the_same(workspace: Workspace, tmp_path: Path) -> None:
    source = workspace.run_folders()[0]
    for _ in export(workspace, ExportRequest(source, tmp_path / "out", "huggingface")):
        pass
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(model).__name__ == "Qwen3ForCausalLM"
    loaded = load_model(workspace, source, device="cpu")
    ids = loaded.tokenizer.encode("Mira Toll was born in")
    assert tokenizer("Mira Toll was born in")["input_ids"] == ids
    assert tokenizer.eos_token_id == loaded.tokenizer.end_id
    with torch.inference_mode():
        for _ in range(20):
            expected = loaded.model(torch.tensor([ids]))[0]
            found = model(torch.tensor([ids])).logits[0]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
            ids.append(int(expected[-1].argmax()))


@pytest.mark.parametrize(
    "tokenizer",
    [
        ByteTokenizer(),
        CharacterTokenizer("".join(sorted(set("Hello world, don't stop!\n12é▁")))),
        BpeTokenizer([(b"h", b"e"), (b"l", b"l"), (b" ", b"w"), (b" ", b" "), (b"1", b"2")]),
    ],
    ids=lambda tokenizer: tokenizer.kind,
)
def test_transformers_gives_texts_the_same_ids(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_tokenizer(tmp_path, tokenizer, 32, "{{ messages }}")
    library = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        ids = library(text)["input_ids"]
        assert ids == tokenizer.encode(text), text
        assert library.decode(ids) == text
    assert library.eos_token_id == tokenizer.end_id and library.chat_template == "{{ messages }}"
