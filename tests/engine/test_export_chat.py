"""A model that holds conversations goes out in every format and comes back: its chats keep their ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from engine.corpus.conversation import Message
from engine.formats.gguf_read import read_gguf
from engine.generation.loaded import LoadedModel, load_model
from engine.launch.export import ExportRequest, Kind, export
from engine.launch.opening import Opened, open_model
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.store.workspace import Workspace
from engine.tokenizer.chat_template import CHATML, ChatTemplate, template_of
from engine.tokenizer.chat_tokens import with_chat_tokens
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer
from engine.tokenizer.kinds.imported import ImportedTokenizer
from engine.tokenizer.tokenizer import Tokenizer
from tests import published_templates as published
from tests.toy_chat import keep_model

transformers = pytest.importorskip("transformers")
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": "é"}}}
TALK = [
    Message("system", "Be the kind one."),
    Message("user", " the <fox> of 12345?\n"),
    Message("assistant", "", {"tool_calls": [CALL]}),
    Message("tool", "naïve 🌍"),
    Message("assistant", "The dog's café."),
]
SHORT = [Message("user", "Is the fox lazy?"), Message("assistant", "The dog is."), Message("user", "Really?")]


def gpt2() -> Tokenizer:
    """A base model's, of which nobody said how conversations are written; its model has free ids."""
    library = published.byte_level(["<|endoftext|>"])
    end = library.token_to_id("<|endoftext|>")
    names = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    return ImportedTokenizer(json.loads(library.to_str()), [end], library.get_vocab_size() + 3, names)


TOKENIZERS = {
    "bpe": lambda: BpeTokenizer([(b"t", b"h"), (b"th", b"e"), (b" ", b"the")]),
    "byte": ByteTokenizer,
    "character": lambda: CharacterTokenizer("\n abcdefghtTé<>.?"),
    "imported": gpt2,
}


def toy(size: int) -> Transformer:
    torch.manual_seed(0)
    fields = {"n_layer": 1, "n_head": 2, "n_kv_head": 2, "d_model": 32, "d_ff": 64, "context_length": 128}
    config = ModelConfig(vocab_size=size, family="llama", activation="swiglu", qk_norm=False, **fields)
    return Transformer(config).eval()


def exported(workspace: Workspace, source: Path, destination: Path, kind: Kind) -> Path:
    for _ in export(workspace, ExportRequest(source, destination, kind)):
        pass
    return destination


def opened(workspace: Workspace, source: Path) -> LoadedModel:
    (found,) = (item for item in open_model(workspace, str(source)) if isinstance(item, Opened))
    return load_model(workspace, found.folder, device="cpu")


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_tuned_model_keeps_its_chats_through_every_format(kind: str, workspace: Workspace, tmp_path: Path) -> None:
    tokenizer = with_chat_tokens(TOKENIZERS[kind]())
    source = keep_model(workspace, "tuned", toy(tokenizer.vocab_size), tokenizer, CHATML)
    expected = ChatTemplate(CHATML, tokenizer).encode(TALK)
    prompt = ChatTemplate(CHATML, tokenizer).prompt(TALK[:2])
    ends = [tokenizer.end_id, tokenizer.special_ids["<|end_turn|>"]]

    folder = exported(workspace, source, tmp_path / "huggingface", "huggingface")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    plain = [message.to_json() for message in TALK]
    found = theirs.apply_chat_template(plain, return_dict=True, return_assistant_tokens_mask=True)
    assert found["input_ids"] == list(expected.ids)
    assert found["assistant_masks"] == list(map(int, expected.mask))
    asked = theirs.apply_chat_template(plain[:2], add_generation_prompt=True, return_dict=False)
    assert asked == prompt and theirs.eos_token == "<|end_turn|>"
    assert theirs.decode(found["input_ids"], skip_special_tokens=True).endswith("The dog's café.")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == ends

    exported(workspace, source, tmp_path / "bundle", "bundle")
    exported(workspace, source, tmp_path / "gguf", "f32")
    (gguf,) = (tmp_path / "gguf").glob("*.gguf")
    metadata = read_gguf(gguf).header.metadata
    assert metadata["tokenizer.ggml.eot_token_id"] == ends[1] and metadata["tokenizer.ggml.eos_token_id"] == ends[0]
    assert [metadata["tokenizer.ggml.token_type"][token_id] for token_id in tokenizer.special_ids.values()] == [3] * 7
    assert 'PARAMETER stop "<|end_turn|>"' in (tmp_path / "gguf" / "Modelfile").read_text()
    for place in (folder, tmp_path / "bundle", gguf):
        again = opened(workspace, place)
        template = template_of(again.tokenizer, again.chat_template)
        assert template.encode(TALK) == expected and template.prompt(TALK[:2]) == prompt
        assert template.end_ids == frozenset(ends) and again.tokenizer.end_id == ends[0]


@pytest.mark.parametrize(("template", "kind"), [("LLAMA2", "always"), ("PHI3", "always"), ("GEMMA", "never")])
def test_an_imported_template_and_its_names_survive(
    template: str, kind: str, workspace: Workspace, tmp_path: Path
) -> None:
    """A folder as transformers writes it, opened, exported and opened again."""
    roles = ["<|user|>", "<|assistant|>", "<|end|>", "<start_of_turn>", "<end_of_turn>"]
    library = published.sentence_piece(roles, kind, tuple(roles[:3]))
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=library, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    wrapped.chat_template = getattr(published, template)
    wrapped.save_pretrained(tmp_path / "theirs")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlamaConfig(vocab_size=len(wrapped), eos_token_id=2, max_position_embeddings=64, **sizes)
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "theirs")

    plain = [message.to_json() for message in SHORT]
    expected = wrapped.apply_chat_template(plain, add_generation_prompt=True, return_dict=False)
    first = opened(workspace, tmp_path / "theirs")
    assert first.tokenizer.names == {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    begins = [1] if expected[0] != 1 else []
    assert template_of(first.tokenizer, first.chat_template).prompt(SHORT) == [*begins, *expected]

    source = workspace.models / next(iter(workspace.models.iterdir())).name
    for form in ("huggingface", "bundle", "f32"):
        folder = exported(workspace, source, tmp_path / form, form)
        if form == "f32" and template == "PHI3":
            assert "swallow white space" in (folder / "README.md").read_text()
            continue
        again = opened(workspace, next(folder.glob("*.gguf"), folder))
        assert again.chat_template == first.chat_template
        assert {**again.tokenizer.names} == {**first.tokenizer.names}
        assert template_of(again.tokenizer, again.chat_template).prompt(SHORT) == [*begins, *expected]
        if form == "huggingface":
            theirs = transformers.AutoTokenizer.from_pretrained(folder)
            assert theirs.apply_chat_template(plain, add_generation_prompt=True, return_dict=False) == expected
            assert {"bos_token": "<s>", "unk_token": "<unk>"}.items() <= theirs.special_tokens_map.items()


def test_what_ends_an_answer_is_told_beside_what_ends_a_text(workspace: Workspace, tmp_path: Path) -> None:
    """A base model whose files name one end, tuned by the template that it came with: its turns end otherwise."""
    library = published.byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    ids = [library.token_to_id(name) for name in ("<|endoftext|>", "<|im_end|>")]
    tokenizer = ImportedTokenizer(json.loads(library.to_str()), ids[:1], library.get_vocab_size())
    generation = {"eos_token_id": ids[0], "temperature": 0.6, "do_sample": True}
    source = keep_model(workspace, "base", toy(tokenizer.vocab_size), tokenizer, published.CHATML, generation)
    folder = exported(workspace, source, tmp_path / "out", "huggingface")
    told = json.loads((folder / "generation_config.json").read_text())
    assert told["eos_token_id"] == ids and told["temperature"] == 0.6
