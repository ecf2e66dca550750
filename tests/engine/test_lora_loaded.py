"""Checkpoints that hold an adapter: loaded onto their base, switched live, and refused when that is gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from engine.errors import CutawayError
from engine.generation.adapted import base_facts
from engine.generation.decoder import generate
from engine.generation.loaded import load_model
from engine.generation.sampling import SamplingConfig
from engine.launch.export import Exported, ExportRequest, export
from engine.launch.opening import Opened, open_model
from engine.model import lora
from engine.model.config import ModelConfig
from engine.model.growing import with_tokens
from engine.model.lora_config import LoraConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.checkpoint import save_checkpoint
from engine.store.workspace import Workspace, open_workspace
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import save_tokenizer

CONFIG = ModelConfig(vocab_size=257, context_length=32, n_layer=2, n_head=2, n_kv_head=2, d_model=16, d_ff=32)
LORA = LoraConfig(rank=2, parts=("query", "value", "up"))
IDS = torch.arange(60, 80).unsqueeze(0)


def tuned(more: int) -> tuple[Transformer, Transformer]:
    """A base, and the base with an adapter that learned, of a model with `more` new tokens."""
    torch.manual_seed(0)
    base = Transformer(CONFIG).eval()
    model = with_tokens(base, CONFIG.vocab_size + more, 7)
    model = base if model is base else model.eval()
    if more == 0:
        model = Transformer(CONFIG).eval()
        model.load_state_dict(base.state_dict())
    lora.attach(model, LORA, 3, more)
    for tensor in lora.lora_weights(model).values():
        tensor.add_(torch.randn(tensor.shape) * 0.3)
    return base, model


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = open_workspace(tmp_path / "workspace")
    (workspace.root / "tokenizers" / "bytes").mkdir(parents=True)
    save_tokenizer(ByteTokenizer(), workspace.root / "tokenizers" / "bytes")
    return workspace


def store(workspace: Workspace, more: int) -> tuple[Path, Path, Transformer, Transformer]:
    base, model = tuned(more)
    facts = {"tokenizer": "tokenizers/bytes", "tokenizer_hash": ByteTokenizer().hash}
    folders = [
        workspace.root / "runs" / name / stage / "checkpoints"
        for name, stage in (("words", "1-pretrain"), ("answers", "1-sft"))
    ]
    below = save_checkpoint(folders[0], 9, {"model": weights(base)}, {**facts, "model": base.config.model_dump()})
    state = {"model": model.config.model_dump(), "lora": LORA.model_dump(), "base": base_facts(workspace, below, 7)}
    above = save_checkpoint(folders[1], 4, {"adapter": lora.lora_weights(model)}, {**facts, **state})
    return below, above, base, model


@pytest.mark.parametrize("more", [0, 5])
def test_it_is_the_base_and_the_adapter(workspace: Workspace, more: int) -> None:
    _, above, base, model = store(workspace, more)
    loaded = load_model(workspace, above.parents[2], device="cpu")
    assert loaded.adapter and lora.is_enabled(loaded.model) and loaded.step == 4 and "answers" in loaded.label
    ids = IDS if more == 0 else torch.cat((IDS[:, :10], torch.tensor([[258, 261]])), dim=1)
    assert torch.equal(loaded.model(ids), model(ids))
    lora.set_enabled(loaded.model, False)
    torch.testing.assert_close(loaded.model(IDS)[..., :257], base(IDS))
    assert not load_model(workspace, workspace.root / "runs" / "words", device="cpu").adapter


@pytest.mark.parametrize("weights_kind", ["float32", "bfloat16"])
def test_what_it_writes_follows_the_switch(workspace: Workspace, weights_kind: str) -> None:
    _, above, _, model = store(workspace, 0)
    loaded = load_model(workspace, above.parents[2], device="cpu", weights=weights_kind)
    greedy = SamplingConfig(temperature=0.0)

    def written() -> list[int]:
        return [token.token_id for token in generate(loaded, list(IDS[0, :6]), greedy, 12, details=False)]

    def plain(enabled: bool) -> list[int]:
        lora.set_enabled(model, enabled)
        ids = IDS[0, :6].tolist()
        for _ in range(12):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
        return ids[6:]

    tuned_text = written()
    lora.set_enabled(loaded.model, False)
    base_text = written()
    lora.set_enabled(loaded.model, True)
    assert written() == tuned_text != base_text
    assert loaded.packed() is not None and len(loaded._packed) == 2
    if weights_kind == "float32":
        assert (tuned_text, base_text) == (plain(True), plain(False))


def test_a_base_that_is_gone_or_another_one_is_told(workspace: Workspace) -> None:
    below, above, _, _ = store(workspace, 0)
    kept = (below / "manifest.json").read_bytes()
    (below / "manifest.json").write_bytes(kept + b" ")
    with pytest.raises(CutawayError, match="another one now"):
        load_model(workspace, above.parents[2], device="cpu")
    shutil.rmtree(below)
    with pytest.raises(CutawayError, match="is gone") as told:
        load_model(workspace, above.parents[2], device="cpu")
    assert "runs/words/1-pretrain/checkpoints/step-000009" in str(told.value)


def test_an_adapter_stands_on_a_model_with_an_adapter(workspace: Workspace) -> None:
    """Which is part of the base then, new tokens and all: switched off, the second gives the first."""
    _, above, _, model = store(workspace, 5)
    lora.bake(model)
    assert all(weight.requires_grad for weight in model.parameters())
    first = model(IDS)
    lora.attach(model, LORA, 4)
    for tensor in lora.lora_weights(model).values():
        tensor.add_(torch.randn(tensor.shape) * 0.3)
    state = json.loads((above / "state.json").read_text())
    third = workspace.root / "runs" / "again" / "1-sft" / "checkpoints"
    save_checkpoint(third, 2, {"adapter": lora.lora_weights(model)}, {**state, "base": base_facts(workspace, above, 0)})
    loaded = load_model(workspace, third.parents[1], device="cpu").model
    torch.testing.assert_close(loaded(IDS), model(IDS))
    lora.set_enabled(loaded, False)
    torch.testing.assert_close(loaded(IDS), first)


def test_a_base_of_another_shape_is_told(workspace: Workspace) -> None:
    below, above, _, _ = store(workspace, 0)
    other = Transformer(CONFIG.model_copy(update={"d_ff": 48}))
    state = json.loads((below / "state.json").read_text())
    save_checkpoint(below.parent, 9, {"model": weights(other)}, {**state, "model": other.config.model_dump()})
    adapter = json.loads((above / "state.json").read_text())
    adapter["base"] = base_facts(workspace, below, 0)
    tensors = lora.lora_weights(tuned(0)[1])
    save_checkpoint(above.parent, 4, {"adapter": tensors}, adapter)
    with pytest.raises(CutawayError, match="another shape"):
        load_model(workspace, above.parents[2], device="cpu")


def test_exports_hold_the_adapter_alone_or_merged(workspace: Workspace, tmp_path: Path) -> None:
    below, above, _, model = store(workspace, 0)
    for kind in ("adapter", "huggingface"):
        *_, done = export(workspace, ExportRequest(above, tmp_path / kind, kind))  # type: ignore[arg-type]
        assert isinstance(done, Exported)
        assert ("adapter_model.safetensors" in done.files) == (kind == "adapter"), done.files
        assert any("words, step-000009" in note for note in done.notes) == (kind == "adapter")
    *_, opened = open_model(workspace, str(tmp_path / "huggingface"))
    assert isinstance(opened, Opened)
    whole = load_model(workspace, opened.folder, device="cpu").model
    torch.testing.assert_close(whole(IDS), model(IDS), atol=1e-5, rtol=1e-4)
    with pytest.raises(CutawayError, match="no adapter"):
        list(export(workspace, ExportRequest(below, tmp_path / "none", "adapter")))
