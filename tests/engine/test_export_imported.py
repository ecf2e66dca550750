"""A model that came from elsewhere goes out again as it came in, and what nobody said of it is listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from engine.formats.bundle import read_bundle
from engine.formats.gguf_read import read_gguf
from engine.formats.gguf_write import write_gguf
from engine.launch.export import ExportRequest, Kind, export
from engine.launch.opening import Opened, open_model
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer

CONFIG = ModelConfig(
    vocab_size=264,
    context_length=48,
    n_layer=2,
    n_head=4,
    n_kv_head=2,
    d_model=64,
    d_ff=96,
    family="llama",
    activation="swiglu",
    qk_norm=False,
)
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.fixture
def opened(workspace: Workspace, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = BpeTokenizer([(b"h", b"e"), (b"l", b"l"), (b" ", b"w")])
    source = tmp_path / "toy.gguf"
    facts = {"name": "Toy", "licence": "Apache-2.0", "chat_template": TEMPLATE}
    for _ in write_gguf(source, CONFIG, weights(Transformer(CONFIG)), tokenizer, "f32", **facts):
        pass
    (found,) = (item for item in open_model(workspace, str(source)) if isinstance(item, Opened))
    return found.folder


def exported(workspace: Workspace, source: Path, destination: Path, kind: Kind) -> Path:
    for _ in export(workspace, ExportRequest(source, destination, kind)):
        pass
    return destination


@pytest.mark.parametrize("below", ["", "checkpoints/step-000000"])
def test_a_gguf_file_comes_out_as_it_came_in(workspace: Workspace, opened: Path, tmp_path: Path, below: str) -> None:
    folder = exported(workspace, opened / below, tmp_path / "out", "f32")
    (path,) = folder.glob("*.gguf")
    before, after = read_gguf(tmp_path / "toy.gguf"), read_gguf(path)
    assert path.name == f"{opened.name}-f32.gguf" and after.config == before.config
    assert (after.licence, after.chat_template) == ("Apache-2.0", TEMPLATE)
    assert after.tokenizer == before.tokenizer
    for (_, found), (_, expected) in zip(after.tensors(), before.tensors(), strict=True):
        assert found.equal(expected)
    assert "TEMPLATE" not in (folder / "Modelfile").read_text()  # Ollama makes its own out of the file's
    assert "license: apache-2.0" in (folder / "README.md").read_text()


def test_what_nobody_said_is_listed_in_the_bundle(workspace: Workspace, opened: Path, tmp_path: Path) -> None:
    folder = exported(workspace, opened, tmp_path / "out", "bundle")
    found = read_bundle(folder)
    assert found.config == CONFIG and found.tokenizer.kind == "imported"
    unknown = " ".join(found.lineage["unknown"])
    assert "The text that it was trained on" in unknown and "licence" not in unknown
    assert (folder / "model" / "chat_template.jinja").read_text() == TEMPLATE
    assert "not all is known" in (folder / "README.md").read_text()


def test_transformers_finds_what_ends_a_text_and_how_a_conversation_is_written(
    workspace: Workspace, opened: Path, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    folder = exported(workspace, opened, tmp_path / "out", "huggingface")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert tokenizer.chat_template == TEMPLATE and tokenizer.eos_token == "<|end|>"
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == 259
    assert "cutaway" not in json.loads((folder / "tokenizer.json").read_text())
